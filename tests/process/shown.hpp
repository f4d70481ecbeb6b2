// What a program says that it was started with.
#pragma once

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <scm/process.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace scm::test {

// An open file that no other is mistaken for; never at 0 to 2.
inline owned_fd some_file(const char* name = "file") { return owned_fd{::memfd_create(name, MFD_CLOEXEC)}; }

inline std::string identity_of(borrowed_fd file) {
  struct stat status{};
  if (::fstat(file.native_handle(), &status) != 0) return "none";
  return std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
}

inline std::string identity_of_null() {
  const owned_fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  return identity_of(null);
}

struct shown {
  std::map<int, std::string> files;  // number: identity; close-on-exec ones have a * behind it
  std::vector<std::string> arguments, variables;
  std::map<std::string, std::string> facts;
  exit_status how;

  bool has_variable(const std::string& one) const {
    for (const auto& v : variables) {
      if (v == one) return true;
    }
    return false;
  }
  bool says_of(const std::string& name) const {
    for (const auto& v : variables) {
      if (v.starts_with(name + '=')) return true;
    }
    return false;
  }
  // Those above the standard streams.
  std::map<int, std::string> passed() const {
    auto rest = files;
    std::erase_if(rest, [](const auto& one) { return one.first < 3; });
    return rest;
  }
};

inline std::string read_all(borrowed_fd from) {
  std::string text;
  char some[4096];
  ::lseek(from.native_handle(), 0, SEEK_SET);
  for (ssize_t got = 0; (got = ::read(from.native_handle(), some, sizeof some)) > 0;) {
    text.append(some, static_cast<std::size_t>(got));
  }
  return text;
}

inline shown parsed(const std::string& text) {
  shown seen;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    const auto space = line.find(' ');
    const std::string word = line.substr(0, space);
    const std::string rest = line.substr(space + 1);
    if (word == "fd") {
      std::istringstream parts{rest};
      int number = 0, flags = 0;
      std::string identity;
      parts >> number >> identity >> flags;
      seen.files[number] = identity + (flags == 0 ? "" : "*");
    } else if (word == "argument") {
      seen.arguments.push_back(rest);
    } else if (word == "variable") {
      seen.variables.push_back(rest);
    } else if (word == "status") {
      const auto colon = rest.find(':');
      const auto value = rest.find_first_not_of(" \t", colon + 1);
      seen.facts[rest.substr(0, colon)] = value == std::string::npos ? "" : rest.substr(value);
    } else {
      seen.facts[word] = rest;
    }
  }
  return seen;
}

// Starts the program that shows what it has. It writes into a file, which nobody needs to read meanwhile.
inline shown shown_by(spawn_options options) {
  const owned_fd output = some_file("output");
  options.program = SHOW_PROGRAM;
  options.output = output;
  auto started = spawn(options);
  REQUIRE(started);
  const auto how = started->wait();
  REQUIRE(how);
  shown seen = parsed(read_all(output));
  seen.how = *how;
  CHECK(seen.facts["process"] == std::to_string(started->pid()));
  return seen;
}

// Whether this process has a child of any kind, ended or not.
inline bool has_children() { return ::waitpid(-1, nullptr, WNOHANG | __WALL) >= 0; }

}  // namespace scm::test
