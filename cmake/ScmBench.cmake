# scm_bench: the measurements, next to plain C that does the same work, and to other libraries where they are installed.
file(GLOB scm_bench_sources CONFIGURE_DEPENDS bench/*.cpp bench/*.c)
if(scm_bench_sources)
  find_package(nlohmann_json REQUIRED)
  find_package(PkgConfig)
  add_executable(scm_bench ${scm_bench_sources})
  scm_target(scm_bench)
  target_link_libraries(scm_bench PRIVATE scm::scm scm_fmt nlohmann_json::nlohmann_json)
  set_target_properties(scm_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

  # scm_bench_peer(NAME MODULE): bench/NAME_contender.cpp, if pkg-config knows MODULE.
  function(scm_bench_peer name module)
    if(PKG_CONFIG_FOUND)
      pkg_check_modules(${name} QUIET IMPORTED_TARGET ${module})
    endif()
    if(${name}_FOUND)
      string(TOUPPER ${name} upper)
      target_compile_definitions(scm_bench PRIVATE SCM_BENCH_${upper}=1)
      target_link_libraries(scm_bench PRIVATE PkgConfig::${name})
    else()
      set_source_files_properties(bench/${name}_contender.cpp PROPERTIES HEADER_FILE_ONLY ON)
    endif()
  endfunction()
  scm_bench_peer(kj kj-async)
  scm_bench_peer(glib gio-unix-2.0)
  scm_bench_peer(libuv libuv)

  # The same messages without a clock, for whoever counts instructions.
  add_executable(scm_bench_pass bench/pass/main.cpp bench/plain_c.c bench/plain_c_contender.cpp bench/scm_contender.cpp)
  scm_target(scm_bench_pass)
  target_link_libraries(scm_bench_pass PRIVATE scm::scm scm_fmt)

  # Starting programs, which has a measure of its own.
  add_executable(scm_bench_spawn bench/spawn/main.cpp)
  scm_target(scm_bench_spawn)
  target_link_libraries(scm_bench_spawn PRIVATE scm::scm)

  # What it costs a program to be watched.
  if(TARGET scm_supervisor)
    add_executable(scm_bench_watch bench/watch/main.cpp)
    scm_target(scm_bench_watch)
    target_link_libraries(scm_bench_watch PRIVATE scm_supervisor)
  endif()
  # What it costs a program to be shown, next to strace.
  add_executable(scm_bench_trace bench/trace/main.cpp)
  scm_target(scm_bench_trace)
  # A control server next to a bare loop in C.
  if(TARGET scm_service)
    add_executable(scm_bench_control bench/control/main.cpp bench/control/echo_loop.c)
    scm_target(scm_bench_control)
    target_link_libraries(scm_bench_control PRIVATE scm_service)
    set_target_properties(scm_bench_control PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  endif()
endif()
