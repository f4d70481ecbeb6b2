# What every target of ours is compiled with, and what the library's two builds share.

# Warnings, for code of ours alone: third-party headers come from imported targets, which are system includes.
function(scm_target target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow
    $<$<BOOL:${SCM_WERROR}>:-Werror>)
endfunction()

function(scm_library target)
  scm_target(${target})
  target_compile_features(${target} PUBLIC cxx_std_23)
  # GCC would otherwise call the library's own public functions through a table, in case somebody replaces one: they
  # would not be inlined into each other.
  target_compile_options(${target} PRIVATE -fno-semantic-interposition)
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  # Boost is public because a public header keeps a Boost.Container type as a private member.
  target_link_libraries(${target} PUBLIC Boost::headers PRIVATE $<BUILD_INTERFACE:scm_fmt>)
  if(NOT SCM_HEADER_ONLY_DEPENDENCIES)
    target_link_libraries(${target} PRIVATE $<INSTALL_INTERFACE:fmt::fmt>)
  endif()
  # Position-independent even when static, so that a user's shared object can take it in.
  set_target_properties(${target} PROPERTIES
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON
    UNITY_BUILD_MODE GROUP)
endfunction()
