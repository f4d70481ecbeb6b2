// A use of the library, one part of which is put through faults, and what must come of each.
#pragma once

#include "core/os_error.hpp"
#include "support/call_names.hpp"
#include "support/catch.hpp"

#include <scm/channel.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace scm::test {

// Runs the part of a scenario that is under test while something fails; what is around it runs undisturbed.
struct ordeal {
  using part = std::function<std::error_code()>;

  std::function<std::error_code(const part&)> run;
  bool lasting = false;  // whether what fails goes on failing, the cleaning up with it

  std::error_code operator()(const part& tried) const { return run(tried); }
};

enum class waits { forever, until_deadline, never };

inline deadline deadline_of(waits how) {
  using namespace std::chrono_literals;
  return how == waits::forever ? no_deadline : how == waits::never ? dont_wait : in(1min);
}

// What a failed call means for its caller: by the rule for all (see `expected`), nothing, or an error of its own. What
// would be a contradiction of the kernel's cannot be, and is not tried.
struct answer {
  enum class kind { usual, unmoved, code, cannot_be } what = kind::usual;
  std::error_code code{};
};
inline const answer usual{answer::kind::usual, {}};
inline const answer unmoved{answer::kind::unmoved, {}};
inline const answer cannot_be{answer::kind::cannot_be, {}};
inline answer answers(std::error_code code) { return {answer::kind::code, code}; }

// An exception from the rule for all: for calls and errors that match. `occurrence` counts calls of one kind, from 1.
struct exception_for {
  answer then;
  std::optional<sys::call> which{};
  std::optional<int> word{};
  std::optional<int> number{};
  std::optional<int> occurrence{};
};

struct scenario {
  std::string name;
  std::function<std::error_code(const ordeal&)> run;
  waits wait = waits::forever;
  std::vector<exception_for> exceptions{};  // the first that matches holds
  // A call of which the first fails in every run, to get at the calls behind it.
  std::optional<std::pair<sys::call, int>> stumble{};
};

struct fault {
  made_call made;
  int occurrence;
  int number;
};

inline answer exception_of(const scenario& of, const fault& f) {
  const auto matches = [](const auto& wanted, const auto& is) { return !wanted || *wanted == is; };
  for (const exception_for& one : of.exceptions) {
    if (matches(one.which, f.made.which) && matches(one.word, f.made.word) && matches(one.number, f.number) &&
        matches(one.occurrence, f.occurrence)) {
      return one.then;
    }
  }
  return usual;
}

// The error that the library's user must see for a fault; `clean` is what there is without any.
inline std::error_code expected(const scenario& of, const fault& f, std::error_code clean) {
  const answer particular = exception_of(of, f);
  if (particular.what == answer::kind::unmoved) return clean;
  if (particular.what == answer::kind::code) return particular.code;
  const std::error_code would_block{EAGAIN, std::system_category()};
  const bool no_such_option = f.number == ENOPROTOOPT || f.number == EOPNOTSUPP;
  switch (f.made.which) {
    using enum sys::call;
    case close:
    case close_range:
    case clock_nanosleep:
      return clean;  // dropped: the number is free all the same, or by another call; a shorter sleep is as good
    case getrlimit:
      return errc::no_headroom;
    case poll:
      if (f.number == EINTR) return of.wait == waits::never ? would_block : clean;
      break;
    case accept4:
      if (f.number == ECONNABORTED) return clean;
      [[fallthrough]];
    case recvmmsg:
    case recvmsg:
    case sendmmsg:
    case sendmsg:
      if (f.number == EINTR) return clean;
      if (f.number == EAGAIN) return of.wait == waits::never ? would_block : clean;
      if (f.number == ETOOMANYREFS) return of.wait == waits::until_deadline ? clean : errc::too_many_in_flight;
      break;
    case connect:
      if (f.number == EINTR) return clean;
      if (f.number == EAGAIN && of.wait == waits::until_deadline) return make_error_code(std::errc::timed_out);
      break;
    case waitid:
      if (f.number == EINTR) return clean;
      break;
    case getsockopt:
    case setsockopt:
      if (no_such_option) return errc::unsupported;
      break;
    default:
      break;
  }
  return {f.number, std::system_category()};
}

template <class T, class E>
std::error_code code_of(const result<T, E>& r) {
  return r ? std::error_code{} : std::error_code{r.error()};
}
// Keeps what was made, for the checks after the ordeal.
template <class T, class E>
std::error_code keep(std::optional<T>& into, result<T, E>&& made) {
  if (made) into.emplace(std::move(*made));
  return code_of(made);
}

}  // namespace scm::test
