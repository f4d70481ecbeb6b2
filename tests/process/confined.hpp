// Children that confine themselves and then try what they have given up.
#pragma once

#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <scm/core/fd.hpp>

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>

// In the body of a child, which has no other way to say which of its expectations was wrong.
#define HOLDS(...)                                                                 \
  do {                                                                             \
    if (!(__VA_ARGS__)) {                                                          \
      std::fprintf(stderr, "line %d does not hold: %s\n", __LINE__, #__VA_ARGS__); \
      return false;                                                                \
    }                                                                              \
  } while (false)

namespace scm::test {

// fork(2), without the thread that the thread sanitizer would start in the child.
inline pid_t fork_alone() {
#if defined(__SANITIZE_THREAD__)
  return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
#else
  return ::fork();
#endif
}

// A child that is one thread, and so can confine itself.
class lone_child : public child {
 public:
  template <class Body>
  explicit lone_child(Body body) : child{body, fork_alone} {}
};

// 0 where there is none, by the kernel's own word.
inline int landlock_version() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

inline owned_fd open_to(const std::string& path, int flags) {
  return owned_fd{::open(path.c_str(), flags | O_CLOEXEC, 0600)};
}
// The error of opening; 0 for none.
inline int error_of_opening(const std::string& path, int flags = O_RDONLY) { return open_to(path, flags) ? 0 : errno; }

// /proc/self/status, opened while that is possible and read anew with each look.
class own_status {
 public:
  // The rest of the line that begins with `name` and a colon, without blanks around it.
  std::string operator[](const std::string& name) const {
    std::array<char, 8192> text;
    const ssize_t size = ::pread(file_.native_handle(), text.data(), text.size(), 0);
    const std::string all{"\n" + std::string{text.data(), static_cast<std::size_t>(size < 0 ? 0 : size)}};
    const auto at = all.find("\n" + name + ":");
    if (at == std::string::npos) return "no such line";
    const auto first = at + name.size() + 2;
    std::string rest = all.substr(first, all.find('\n', first) - first);
    while (!rest.empty() && (rest.front() == '\t' || rest.front() == ' ')) rest.erase(0, 1);
    while (!rest.empty() && rest.back() == ' ') rest.pop_back();
    return rest;
  }
  bool has_no_capabilities() const {
    const std::string none(16, '0');
    const own_status& self = *this;
    return self["CapInh"] == none && self["CapPrm"] == none && self["CapEff"] == none && self["CapAmb"] == none;
  }

 private:
  owned_fd file_ = open_to("/proc/self/status", O_RDONLY);
};

}  // namespace scm::test
