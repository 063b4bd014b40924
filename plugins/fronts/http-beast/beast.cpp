// The one copy of Beast's compiled half in this plugin: its message parser.
#include <boost/beast/src.hpp>
