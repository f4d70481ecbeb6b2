# Makes one ctest test of each Catch2 test case, when ctest starts. Catch2 2's own script breaks names at semicolons.
#
# Included by ctest through a file that tests/CMakeLists.txt writes for each test program. In: `program`; `listing`, the
# arguments that make it print the names of its cases; `prefix` of the names; `script`, the file to write; `properties`.
if(NOT EXISTS "${program}")
  add_test("${prefix}not built" "${program}")
  set_tests_properties("${prefix}not built" PROPERTIES ${properties})
  return()
endif()

execute_process(COMMAND "${program}" ${listing} OUTPUT_VARIABLE names ERROR_VARIABLE names_error)
if(names STREQUAL "")
  message(FATAL_ERROR "${program} does not list its test cases: ${names_error}")
endif()

# Those that compare times have the machine for themselves.
execute_process(COMMAND "${program}" ${listing} "[alone]" OUTPUT_VARIABLE alone ERROR_QUIET)

# CMake's lists give meaning to some characters; they pass through it as control characters that no name has.
string(ASCII 1 semicolon)
string(ASCII 2 open)
string(ASCII 3 close)
string(ASCII 4 backslash)
string(REPLACE "\\" "${backslash}" names "${names}")
string(REPLACE ";" "${semicolon}" names "${names}")
string(REPLACE "[" "${open}" names "${names}")
string(REPLACE "]" "${close}" names "${names}")
string(STRIP "${names}" names)
string(REPLACE "\n" ";" names "${names}")
list(JOIN properties " " properties)

set(commands "")
foreach(name IN LISTS names)
  # What Catch2 must be told to take as it stands.
  string(REPLACE "${backslash}" "\\\\" pattern "${name}")
  string(REPLACE "," "\\," pattern "${pattern}")
  string(REPLACE "${open}" "\\[" pattern "${pattern}")
  string(REPLACE "${close}" "\\]" pattern "${pattern}")
  string(REPLACE "${semicolon}" ";" pattern "${pattern}")
  string(REGEX REPLACE "^([-~\"])" "\\\\\\1" pattern "${pattern}")  # no option, no exclusion

  string(REPLACE "${backslash}" "\\" name "${name}")
  string(REPLACE "${open}" "[" name "${name}")
  string(REPLACE "${close}" "]" name "${name}")
  string(REPLACE "${semicolon}" ";" name "${name}")

  string(APPEND commands
    "add_test([==[${prefix}${name}]==] [==[${program}]==] [==[${pattern}]==])\n"
    "set_tests_properties([==[${prefix}${name}]==] PROPERTIES ${properties})\n")
  string(FIND "\n${alone}\n" "\n${name}\n" found)
  if(NOT found EQUAL -1)
    string(APPEND commands "set_tests_properties([==[${prefix}${name}]==] PROPERTIES RUN_SERIAL TRUE)\n")
  endif()
endforeach()
file(WRITE "${script}" "${commands}")
include("${script}")
