extern "C" __attribute__((visibility("default"))) int only_in_a_library_that_is_gone() { return 0; }
