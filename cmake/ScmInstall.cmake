# Installs headers, library and program, and tells CMake and pkg-config users how to find them.
include(CMakePackageConfigHelpers)

if(SCM_HEADER_ONLY_DEPENDENCIES)
  message(STATUS "scm: nothing is installed from a build with header-only dependencies")
  return()
endif()

get_target_property(scm_type scm TYPE)
set(scm_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/scm)
install(TARGETS scm scm_fuzz scm_asio EXPORT scmTargets)
install(DIRECTORY include/scm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp"
  PATTERN system_calls.hpp EXCLUDE PATTERN message_filter.hpp EXCLUDE PATTERN "service*" EXCLUDE)
if(TARGET scm_seccomp)
  install(TARGETS scm_seccomp EXPORT scmTargets)
  install(FILES include/scm/process/system_calls.hpp include/scm/process/message_filter.hpp
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/scm/process)
endif()
if(TARGET scm_service)
  install(TARGETS scm_service EXPORT scmTargets)
  install(FILES include/scm/service.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/scm)
  if(NOT TARGET scm_seccomp)
    set(scm_no_confinement PATTERN control_confinement.hpp EXCLUDE)
  endif()
  install(DIRECTORY include/scm/service DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/scm FILES_MATCHING PATTERN "*.hpp"
    ${scm_no_confinement})
endif()
set(scm_has_service "")
if(TARGET scm_service)
  set(scm_has_service 1)
endif()
if(TARGET scm_program)
  install(TARGETS scm_program)
endif()

install(EXPORT scmTargets NAMESPACE scm:: DESTINATION ${scm_cmake_dir})
configure_package_config_file(cmake/scmConfig.cmake.in scmConfig.cmake INSTALL_DESTINATION ${scm_cmake_dir})
# Before 1.0 a new minor version may break its users: 0.1 does not stand in for 0.2.
write_basic_package_version_file(scmConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/scmConfig.cmake ${PROJECT_BINARY_DIR}/scmConfigVersion.cmake
  DESTINATION ${scm_cmake_dir})

# The .pc file finds its prefix from where it lies, so that an installed tree can be moved.
set(scm_pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}/${scm_pc_dir}
  OUTPUT_VARIABLE scm_pc_prefix)
# A static libscm leaves its use of fmt to whoever links it, with or without `pkg-config --static`.
set(scm_pc_requires "")
if(scm_type STREQUAL "STATIC_LIBRARY")
  set(scm_pc_requires fmt)
endif()
configure_file(cmake/scm.pc.in scm.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/scm.pc DESTINATION ${scm_pc_dir})
if(TARGET scm_seccomp)
  configure_file(cmake/scm-seccomp.pc.in scm-seccomp.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/scm-seccomp.pc DESTINATION ${scm_pc_dir})
endif()
if(TARGET scm_service)
  configure_file(cmake/scm-service.pc.in scm-service.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/scm-service.pc DESTINATION ${scm_pc_dir})
endif()
