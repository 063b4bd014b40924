// A shared library like any other: it says nothing about plugins.
extern "C" __attribute__((visibility("default"))) int drover_plugin_entry() { return 0; }
