# The warnings every room builds with; errors where JOBFLOW_WERROR is on (CI, ./dev check).
add_library(jobflow_warnings INTERFACE)
target_compile_options(
  jobflow_warnings
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
            -Woverloaded-virtual -Wimplicit-fallthrough -Wswitch-enum
            $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op -Wsuggest-override>
            # gcc 12 sees overlaps in `"text" + std::string` at -O2 that are not there (its bug 105651).
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
            # Designated initialisers that leave fields to their defaults are how we write values.
            -Wno-missing-field-initializers
            # A value that a switch forgets is a hole in the program, in every build.
            -Werror=switch
            $<$<BOOL:${JOBFLOW_WERROR}>:-Werror>
            # What gcc 12 says wrongly of optimised code stays a warning: these look through inlined
            # library code and depend on the optimiser's mood.
            $<$<BOOL:${JOBFLOW_WERROR}>:-Wno-error=maybe-uninitialized>
            $<$<BOOL:${JOBFLOW_WERROR}>:-Wno-error=restrict>
            $<$<BOOL:${JOBFLOW_WERROR}>:-Wno-error=array-bounds>
            $<$<BOOL:${JOBFLOW_WERROR}>:-Wno-error=stringop-overflow>
            $<$<BOOL:${JOBFLOW_WERROR}>:-Wno-error=stringop-overread>
            $<$<BOOL:${JOBFLOW_WERROR}>:-Wno-error=null-dereference>)
