// The compiled half of Asio; see cmake/beast.cmake.
#include <boost/asio/impl/src.hpp>
