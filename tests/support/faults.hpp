// Answering in the kernel's place: for programs that link the library with the seam open (scm_faults).
#pragma once

#include "core/sys.hpp"

#include <cerrno>
#include <functional>
#include <utility>

namespace scm::test {

// Installs a hook while it lives; one at a time. The calls that the hook itself makes are not asked about.
class faults {
 public:
  using hook = std::function<bool(sys::call which, void* argument, long& result)>;

  explicit faults(hook answer) {
    current() = std::move(answer);
    sys::set_fault_hook([](sys::call which, void* argument, long& result) {
      if (inside()) return false;
      inside() = true;
      const bool answered = current()(which, argument, result);
      inside() = false;
      return answered;
    });
  }
  faults(const faults&) = delete;
  faults& operator=(const faults&) = delete;
  ~faults() {
    sys::set_fault_hook(nullptr);
    current() = nullptr;
  }

 private:
  static hook& current() {
    static hook instance;
    return instance;
  }
  static bool& inside() {
    thread_local bool instance = false;
    return instance;
  }
};

// Fails calls `first` to `last` (counted from 1) of one kind with `number`; 0 counts only.
class failing {
 public:
  failing(sys::call which, int number, int first = 1, int last = 1 << 30)
      : installed_{[=, this](sys::call made, void*, long& result) {
          if (made != which) return false;
          ++calls_;
          if (number == 0 || calls_ < first || calls_ > last) return false;
          result = -1;
          errno = number;
          return true;
        }} {}
  [[nodiscard]] int calls() const { return calls_; }

 private:
  int calls_ = 0;
  faults installed_;
};

}  // namespace scm::test
