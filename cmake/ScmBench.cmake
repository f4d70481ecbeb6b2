# scm_bench: the measurements, next to plain C that does the same work.
file(GLOB scm_bench_sources CONFIGURE_DEPENDS bench/*.cpp bench/*.c)
if(scm_bench_sources)
  find_package(nlohmann_json REQUIRED)
  add_executable(scm_bench ${scm_bench_sources})
  scm_target(scm_bench)
  target_link_libraries(scm_bench PRIVATE scm::scm scm_fmt nlohmann_json::nlohmann_json)
  set_target_properties(scm_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endif()
