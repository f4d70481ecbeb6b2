# The examples: each file of examples/ is one program; examples/demo is one larger program, scm-demo.
file(GLOB scm_example_sources CONFIGURE_DEPENDS examples/*.cpp)
foreach(source IN LISTS scm_example_sources)
  cmake_path(GET source STEM name)
  add_executable(example_${name} ${source})
  scm_target(example_${name})
  target_link_libraries(example_${name} PRIVATE scm::scm scm::fuzz scm_fmt)
  set_target_properties(example_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
endforeach()

file(GLOB scm_demo_sources CONFIGURE_DEPENDS examples/demo/*.cpp)
if(scm_demo_sources)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(nettle REQUIRED IMPORTED_TARGET nettle)
  add_executable(scm_demo ${scm_demo_sources})
  scm_target(scm_demo)
  target_link_libraries(scm_demo PRIVATE scm::scm scm_fmt PkgConfig::nettle)
  set_target_properties(scm_demo PROPERTIES
    OUTPUT_NAME scm-demo
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endif()
