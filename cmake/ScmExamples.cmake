# The examples: each file of examples/ is one program; examples/demo is one larger program, scm-demo.
file(GLOB scm_example_sources CONFIGURE_DEPENDS examples/*.cpp)
foreach(source IN LISTS scm_example_sources)
  cmake_path(GET source STEM name)
  add_executable(example_${name} ${source})
  scm_target(example_${name})
  target_link_libraries(example_${name} PRIVATE scm::scm scm::fuzz scm::asio scm_fmt)
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

set(scm_vhost_user_programs vhost-user-blk-client)
if(TARGET scm_seccomp)
  list(APPEND scm_vhost_user_programs vhost-user-blk)
endif()
foreach(name IN LISTS scm_vhost_user_programs)
  file(GLOB sources CONFIGURE_DEPENDS examples/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/(disk|session).cpp$")  # the device's
  string(REPLACE - _ target example_${name})
  add_executable(${target} ${sources})
  scm_target(${target})
  target_link_libraries(${target} PRIVATE scm_vhost_user_device)
  if(name STREQUAL "vhost-user-blk")
    target_link_libraries(${target} PRIVATE scm_seccomp)
  endif()
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
endforeach()

# A daemon in two processes, which are one program; its worker may make few system calls.
if(TARGET scm_seccomp)
  file(GLOB scm_privsep_sources CONFIGURE_DEPENDS examples/privsep/*.cpp)
  add_executable(example_privsep ${scm_privsep_sources})
  scm_target(example_privsep)
  target_link_libraries(example_privsep PRIVATE ${scm_linked} scm_seccomp)
  set_target_properties(example_privsep PROPERTIES
    OUTPUT_NAME privsep
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
endif()
