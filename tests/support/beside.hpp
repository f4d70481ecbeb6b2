// A thread beside the test, whose verdict is asked for in the end: Catch2's assertions are for one thread at a time.
#pragma once

#include <thread>
#include <utility>

namespace scm::test {

class beside {
 public:
  // Runs `body`, which says whether all was well.
  template <class Body>
  explicit beside(Body body) : thread_{[this, body = std::move(body)]() mutable { good_ = body(); }} {}
  beside(const beside&) = delete;
  beside& operator=(const beside&) = delete;
  ~beside() {
    if (thread_.joinable()) thread_.join();
  }

  bool succeeded() {
    if (thread_.joinable()) thread_.join();
    return good_;
  }

 private:
  bool good_ = false;
  std::thread thread_;  // last: it writes to the others
};

}  // namespace scm::test
