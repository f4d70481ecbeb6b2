// An end of file that is none: the kernel can say it while a message is queued.
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"

#include <scm/batch.hpp>
#include <scm/channel.hpp>

#include <array>

using namespace scm;
using sys::call;

namespace {

std::array<char, 64> buffer;

// The next calls of this kind, so many, return nothing, as at the end.
test::faults say_end(call kind, int times) {
  return test::faults{[kind, times](call which, void* argument, long& result) mutable {
    if (which != kind || times == 0) return false;
    --times;
    if (which == call::recvmsg) {
      auto& header = *static_cast<msghdr*>(argument);
      header.msg_controllen = 0;
      header.msg_flags = 0;
      result = 0;
    } else {
      auto& first = *static_cast<sys::messages_asked*>(argument)->headers;
      first.msg_hdr.msg_controllen = 0;
      first.msg_hdr.msg_flags = 0;
      first.msg_len = 0;
      result = 1;
    }
    return true;
  }};
}

}  // namespace

TEST_CASE("an end of file on seqpacket is believed when it is said twice", "[faults]") {
  auto [left, right] = seqpacket::pair().value();
  const owned_fd file = test::scratch_file();
  auto batch = receive_batch::make(1, 64, 1).value();
  REQUIRE(left.send("first", {file}));
  REQUIRE(left.send("second", {file}));
  REQUIRE(left.send("third"));
  {
    const auto once = say_end(call::recvmsg, 1);
    const auto got = right.try_receive(buffer, 1);
    REQUIRE(got);
    CHECK(got->size == 5);
    CHECK(got->descriptors.size() == 1);
  }
  {
    const auto once = say_end(call::recvmmsg, 1);
    REQUIRE(batch.receive(right));
    CHECK(batch.begin()->content.size == 6);
    CHECK(batch.begin()->content.descriptors.size() == 1);
  }
  {
    const auto twice = say_end(call::recvmsg, 2);
    CHECK(right.try_receive(buffer, 1).error() == errc::end_of_file);
  }
  {
    const auto twice = say_end(call::recvmmsg, 2);
    CHECK(batch.receive(right).error() == errc::end_of_file);
  }
  CHECK(right.try_receive(buffer, 1)->size == 5);
}
