# What the library itself needs: Boost's headers and fmt. `scm_fmt` is fmt in whichever form this build uses.

add_library(scm_fmt INTERFACE)
if(SCM_HEADER_ONLY_DEPENDENCIES)
  # A 32-bit build on a 64-bit system: the packages' CMake files answer for the system's own word size only.
  find_path(SCM_BOOST_INCLUDE_DIR boost/container/small_vector.hpp REQUIRED)
  find_path(SCM_FMT_INCLUDE_DIR fmt/format.h REQUIRED)
  add_library(Boost::headers INTERFACE IMPORTED)
  target_include_directories(Boost::headers INTERFACE ${SCM_BOOST_INCLUDE_DIR})
  target_include_directories(scm_fmt SYSTEM INTERFACE ${SCM_FMT_INCLUDE_DIR})
  target_compile_definitions(scm_fmt INTERFACE FMT_HEADER_ONLY=1)
else()
  find_package(Boost 1.81 CONFIG REQUIRED)
  find_package(fmt REQUIRED)
  target_link_libraries(scm_fmt INTERFACE fmt::fmt)
endif()
