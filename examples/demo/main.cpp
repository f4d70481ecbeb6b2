/// scm-demo: a parent passes a file to a child that cannot open it, and gets an answer back through sealed memory.
#include "errand.hpp"
#include "report.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string_view>

int main(int argc, char** argv) {
  try {
    const std::string_view word = argc == 2 ? argv[1] : "";
    const bool help = word == "--help" || word == "-h";
    if (argc != 2 || help) {
      fmt::print(
          help ? stdout : stderr,
          "usage: scm-demo FILE\n\n"
          "Starts a process that has given up the file system and the network, passes it FILE, sealed memory and\n"
          "an eventfd in one message, and prints the lines and the SHA-256 that it finds.\n");
      return help ? 0 : 2;
    }
    const auto told = demo::run_errand(argv[1]);
    if (!told) {
      fmt::print(stderr, "scm-demo: {}\n", told.error());
      return 1;
    }
    demo::print_report(*told);
    return std::fflush(stdout) == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "scm-demo: {}\n", error.what());
    return 1;
  }
}
