// Batches from a kernel that does something else: how they are closed, and what a stand-in may claim.
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"
#include "support/queued.hpp"

#include <scm/batch.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

using namespace scm;
using test::send_watched;

namespace {

// Receives on `end` what `rewrite` makes of the headers that the kernel wrote.
class rewritten {
 public:
  using rewrite = std::function<long(std::span<mmsghdr> headers, long taken)>;
  rewritten(const channel& end, rewrite change)
      : installed_{[number = end.fd().native_handle(), change = std::move(change)](sys::call which, void* argument,
                                                                                   long& result) {
          if (which != sys::call::recvmmsg) return false;
          const auto& asked = *static_cast<sys::messages_asked*>(argument);
          result = ::recvmmsg(number, asked.headers, asked.count, MSG_CMSG_CLOEXEC | MSG_DONTWAIT, nullptr);
          result = change({asked.headers, asked.count}, result);
          return true;
        }} {}

 private:
  test::faults installed_;
};

struct closing {
  int close = 0;
  int close_range = 0;
};

// What closing a batch of messages of so many descriptors each takes.
template <class Close>
closing calls_of(receive_batch& batch, Close close) {
  closing made;
  const test::faults counting{[&](sys::call which, void*, long&) {
    made.close += which == sys::call::close;
    made.close_range += which == sys::call::close_range;
    return false;
  }};
  close(batch);
  return made;
}

}  // namespace

TEST_CASE("what is left of 32 messages is closed with one system call", "[batch]") {
  for (const bool pidfds : {false, true}) {
    auto [left, right] = seqpacket::pair().value();
    if (pidfds && !right.set(receive_item::pidfd, true)) continue;  // before Linux 6.5
    auto batch = receive_batch::make(32, 8, 1).value();
    std::vector<std::deque<test::witness>> watched;
    for (int i = 0; i != 32; ++i) watched.push_back(send_watched(left, 1));
    // Numbers above the gaps that the witnesses left are consecutive.
    const owned_fd above{::fcntl(0, F_DUPFD_CLOEXEC, 300)};
    std::vector<owned_fd> gaps;
    for (owned_fd gap{::fcntl(0, F_DUPFD_CLOEXEC, 0)}; gap.native_handle() < above.native_handle();
         gap.reset(::fcntl(0, F_DUPFD_CLOEXEC, 0))) {
      gaps.push_back(std::move(gap));
    }
    REQUIRE(batch.receive(right).value() == 32);
    const closing made = calls_of(batch, [](receive_batch& b) { b.clear(); });
    CHECK(made.close_range == 1);
    CHECK(made.close == 0);
    for (const auto& one : watched) CHECK(all_closed(one));
  }
}

TEST_CASE("a count and lengths beyond what was asked for are held to it", "[batch]") {
  auto [left, right] = datagram::pair().value();
  auto batch = receive_batch::make(4, 8, 1).value();
  const auto watched = send_watched(left, 1);
  const rewritten claims{right, [](std::span<mmsghdr> headers, long) {
                           headers[0].msg_len = 1'000'000;
                           return 1000L;
                         }};
  REQUIRE(batch.receive(right).value() == 4);
  CHECK(batch[0].bytes.size() == 8);
  CHECK(batch[0].content.size == 8);
  CHECK(watched[0].is(batch[0].content.descriptors[0]));
  // Those that nobody wrote have clear room for control data, which no walk takes for a message.
  for (std::size_t i = 1; i != 4; ++i) CHECK(batch[i].loss.value().code == errc::malformed);
}

TEST_CASE("nothing received, and no error, is an end and not an empty batch", "[batch]") {
  auto [left, right] = datagram::pair().value();
  auto batch = receive_batch::make(4, 8, 1).value();
  const rewritten nothing{right, [](std::span<mmsghdr>, long) { return 0L; }};
  CHECK(batch.receive(right).error() == errc::end_of_file);
}

TEST_CASE("each round gives the kernel clear and full room, whatever the round before left there", "[batch]") {
  auto [left, right] = datagram::pair().value();
  REQUIRE(right.set(receive_item::credentials, true));
  auto batch = receive_batch::make(4, 8, 1).value();
  bool clear = true;
  bool full = true;
  const test::faults looking{[&](sys::call which, void* argument, long&) {
    if (which != sys::call::recvmmsg) return false;
    const auto& asked = *static_cast<sys::messages_asked*>(argument);
    for (const mmsghdr& one : std::span{asked.headers, asked.count}) {
      const msghdr& header = one.msg_hdr;
      const std::span bytes{static_cast<const std::byte*>(header.msg_control), header.msg_controllen};
      clear = clear && std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; });
      full = full && header.msg_controllen == CMSG_SPACE(12) + CMSG_SPACE(2 * sizeof(int)) && header.msg_flags == 0 &&
             header.msg_namelen == sizeof(sockaddr_un) && header.msg_iov[0].iov_len == 8;
    }
    return false;
  }};
  for (const int count : {4, 1, 3, 2, 4}) {
    for (int i = 0; i != count; ++i) send_watched(left, static_cast<std::size_t>(i) % 2);
    REQUIRE(batch.receive(right).value() == static_cast<std::size_t>(count));
    for (const received& one : batch) CHECK_FALSE(one.loss);
  }
  CHECK(clear);
  CHECK(full);
}

TEST_CASE("a refused slot costs its message alone", "[batch]") {
  auto [left, right] = seqpacket::pair().value();
  auto batch = receive_batch::make(4, 8, 2).value();
  std::vector<std::deque<test::witness>> watched;
  for (int i = 0; i != 3; ++i) watched.push_back(send_watched(left, 2));
  const rewritten denied{right, [](std::span<mmsghdr> headers, long taken) {
                           auto* const slot = CMSG_DATA(CMSG_FIRSTHDR(&headers[1].msg_hdr));
                           int number = -1;
                           std::memcpy(&number, slot, sizeof number);
                           ::close(number);
                           number = -EACCES;
                           std::memcpy(slot, &number, sizeof number);
                           return taken;
                         }};
  REQUIRE(batch.receive(right).value() == 3);
  CHECK(watched[0][1].is(batch[0].content.descriptors[1]));
  CHECK(batch[1].loss.value().code == errc::refused);
  CHECK(all_closed(watched[1]));
  CHECK(watched[2][1].is(batch[2].content.descriptors[1]));
}

TEST_CASE("every descriptor of a batch is owned before the first message is judged", "[batch]") {
  auto [left, right] = seqpacket::pair().value();
  auto batch = receive_batch::make(4, 1, 1).value();
  std::vector<std::deque<test::witness>> watched;
  watched.push_back(send_watched(left, 1, "too long"));
  for (int i = 0; i != 2; ++i) watched.push_back(send_watched(left, 1));
  // The first close is that of a message that was judged: by then the numbers of all are known.
  std::vector<bool> listed;
  const test::faults looking{[&](sys::call which, void*, long&) {
    if (which == sys::call::close && listed.empty()) {
      for (std::size_t i = 1; i != 3; ++i) listed.push_back(batch.begin()[i].content.descriptors.size() == 1);
    }
    return false;
  }};
  REQUIRE(batch.receive(right).value() == 3);
  CHECK(batch[0].loss.value().code == errc::payload_cut);
  CHECK(listed == std::vector<bool>{true, true});
}

TEST_CASE("a send that claims more than it was given takes what it was given", "[batch]") {
  auto [left, right] = seqpacket::pair().value();
  auto batch = send_batch::make(2, 1).value();
  REQUIRE(batch.add("x"));
  const test::faults claims{[](sys::call which, void*, long& result) {
    result = 1000;
    return which == sys::call::sendmmsg;
  }};
  CHECK(batch.send(left).value() == 1);
  CHECK(batch.empty());
}
