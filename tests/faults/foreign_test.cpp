// A process's memory that is there in part, or is no more, from any system call on.
#include "faults/foreign.hpp"

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <cerrno>

using namespace scm;
using namespace scm::test;
using sys::call;

namespace {
// Cuts the answer of one call: so many bytes, and what is in them is not said.
faults::hook short_answer(call which, int nth, long bytes) {
  return [=, calls = 0](call made, void*, long& result) mutable {
    if (made != which || ++calls != nth) return false;
    result = bytes;
    return true;
  };
}
}  // namespace

TEST_CASE("a message of which fewer bytes come than it has is EFAULT, wherever it ends", "[faults]") {
  own_message message;
  for (int nth = 1; nth <= 3; ++nth) {
    // The header; buffers and control data; the payload.
    const long whole = nth == 1   ? static_cast<long>(sizeof(msghdr))
                       : nth == 2 ? static_cast<long>(sizeof(iovec) + message.control.size())
                                  : 4;
    for (long bytes = 0; bytes < whole; ++bytes) {
      INFO("read " << nth << " gives " << bytes << " bytes");
      const faults installed{short_answer(call::process_vm_readv, nth, bytes)};
      CHECK(carried_out(message) == std::error_code(EFAULT, std::system_category()));
    }
  }
}

TEST_CASE("an answer of which fewer bytes are written than it has is EFAULT", "[faults]") {
  // Payload, control data, flags, msg_controllen.
  const own_message message;
  for (long bytes = 0; bytes < static_cast<long>(4 + message.control.size() + 4 + sizeof(long)); ++bytes) {
    const faults installed{short_answer(call::process_vm_writev, 1, bytes)};
    CHECK(carried_out(message) == std::error_code(EFAULT, std::system_category()));
  }
}

TEST_CASE("a process that ends between two reads is gone, and its message with it", "[faults]") {
  for (const int last : {1, 2, 3}) {
    own_message message;
    const failing gone{call::process_vm_readv, ESRCH, last};
    CHECK(carried_out(message) == std::errc::no_such_process);
    CHECK(gone.calls() == last);
  }
  own_message message;
  const failing gone{call::process_vm_writev, ESRCH};
  CHECK(carried_out(message) == std::errc::no_such_process);
}

TEST_CASE("a message takes two reads, its payload a third, and the answer one write", "[faults]") {
  own_message message;
  {
    const failing counted{call::process_vm_readv, 0};
    REQUIRE(!carried_out(message));
    CHECK(counted.calls() == 3);
  }
  const failing counted{call::process_vm_writev, 0};
  REQUIRE(!carried_out(message));
  CHECK(counted.calls() == 1);
}
