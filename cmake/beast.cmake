# Asio and Beast, compiled once. Whoever uses them links this: a program in which some files take them
# header-only and others do not is broken in ways no linker tells.
add_library(jobflow_beast STATIC ${CMAKE_SOURCE_DIR}/cmake/beast/asio_impl.cc
                                 ${CMAKE_SOURCE_DIR}/cmake/beast/beast_impl.cc)
target_compile_definitions(jobflow_beast PUBLIC BOOST_ASIO_SEPARATE_COMPILATION
                                                BOOST_BEAST_SEPARATE_COMPILATION
                                                BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(jobflow_beast PUBLIC Threads::Threads)
