// The compiled half of Beast; see cmake/beast.cmake.
#include <boost/beast/src.hpp>
