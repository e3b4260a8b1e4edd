# Assertions of the standard library everywhere; hardened code in release; sanitizers by option.
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_link_options(-fuse-ld=mold)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
                      -fstack-clash-protection -fcf-protection)
  add_link_options(-pie -Wl,-z,relro,-z,now)
endif()
if(JOBFLOW_SANITIZE)
  # A finding ends the test that made it.
  add_compile_options(-fsanitize=${JOBFLOW_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${JOBFLOW_SANITIZE})
endif()
if(JOBFLOW_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
