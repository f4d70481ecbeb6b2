// Calls that do less than they were asked to: fewer bytes, cut control data, and lengths that say so or do not.
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

using namespace scm;
using sys::call;

namespace {
std::array<char, 64> buffer;

// The first `most` bytes of a message's buffers.
std::vector<iovec> first_bytes(const msghdr& message, std::size_t most) {
  std::vector<iovec> some;
  for (std::size_t i = 0; i != message.msg_iovlen && most != 0; ++i) {
    iovec part = message.msg_iov[i];
    part.iov_len = std::min(part.iov_len, most);
    most -= part.iov_len;
    some.push_back(part);
  }
  return some;
}

// While this lives, a send or receive on `socket` moves at most `most` bytes; of the sends, call `fails` fails.
class in_part {
 public:
  in_part(borrowed_fd socket, call kind, std::size_t most, int fails = 0)
      : installed_{[=, this](call which, void* argument, long& result) {
          if (which != kind) return false;
          if (++calls_ == fails) {
            errno = ENOBUFS;
            result = -1;
            return true;
          }
          auto& message = *static_cast<msghdr*>(argument);
          msghdr less = message;
          std::vector<iovec> some = first_bytes(message, most);
          less.msg_iov = some.data();
          less.msg_iovlen = some.size();
          if (which == call::sendmsg) {
            result = ::sendmsg(socket.native_handle(), &less, MSG_NOSIGNAL | MSG_DONTWAIT);
          } else {
            result = ::recvmsg(socket.native_handle(), &less, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
            message.msg_controllen = less.msg_controllen;
            message.msg_flags = less.msg_flags;
          }
          return true;
        }} {}
  [[nodiscard]] int calls() const { return calls_; }

 private:
  int calls_ = 0;
  test::faults installed_;
};

// Receives honestly, and then changes what the kernel has said.
test::faults said_otherwise(borrowed_fd socket, std::function<void(msghdr&)> change) {
  return test::faults{[socket, change = std::move(change)](call which, void* argument, long& result) {
    if (which != call::recvmsg) return false;
    auto& message = *static_cast<msghdr*>(argument);
    result = ::recvmsg(socket.native_handle(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (result >= 0) change(message);
    return true;
  }};
}

struct received {
  std::string text;
  std::size_t descriptors = 0;
};
received drain(stream& from) {
  received all;
  while (const auto got = from.try_receive(buffer, 8)) {
    all.text.append(buffer.data(), got->size);
    all.descriptors += got->descriptors.size();
  }
  return all;
}

const std::array<const_buffer, 4> parts{"ab", "", "cdefgh", "i"};
}  // namespace

TEST_CASE("however little a stream takes at a time, all bytes go once and so do the descriptors", "[short]") {
  const owned_fd file = test::scratch_file();
  for (std::size_t most = 1; most <= 10; ++most) {
    INFO("at most " << most << " bytes a call");
    auto [left, right] = stream::pair().value();
    {
      const in_part sends{left.fd(), call::sendmsg, most};
      REQUIRE(left.send_all(parts, {file, file, file}));
      CHECK(sends.calls() >= static_cast<int>((9 + most - 1) / most));
    }
    const received all = drain(right);
    CHECK(all.text == "abcdefghi");
    CHECK(all.descriptors == 3);
  }
}

TEST_CASE("a stream that fails after a part tells how much went, and that the descriptors did", "[short]") {
  const owned_fd file = test::scratch_file();
  for (std::size_t most = 1; most <= 8; ++most) {
    for (int fails = 1; fails <= 9; ++fails) {
      INFO("at most " << most << " bytes a call, call " << fails << " fails");
      auto [left, right] = stream::pair().value();
      const auto sent = [&left, &file, most, fails] {
        const in_part sends{left.fd(), call::sendmsg, most, fails};
        return left.send_all(parts, {file, file, file});
      }();
      const received all = drain(right);
      if (sent) {
        CHECK(all.text == "abcdefghi");
        CHECK(all.descriptors == 3);
        break;
      }
      CHECK(sent.error() == std::errc::no_buffer_space);
      CHECK(all.text == std::string{"abcdefghi"}.substr(0, sent.error().bytes_sent));
      CHECK(all.descriptors == sent.error().descriptors_sent);
      CHECK(sent.error().descriptors_sent == (fails == 1 ? 0 : 3));
    }
  }
}

TEST_CASE("a single send that is taken in part says so, and keeps the descriptors it owned out of reach", "[short]") {
  auto [left, right] = stream::pair().value();
  test::witness watched;
  owned_fd given = watched.give();
  const in_part sends{left.fd(), call::sendmsg, 2};
  CHECK(left.send_owned("abc", given).value() == 2);
  CHECK_FALSE(given);  // it went with the first byte
  CHECK(drain(right).descriptors == 1);
  CHECK(watched.closed());
}

TEST_CASE("a stream read in small pieces gives every byte once and the descriptors with the first", "[short]") {
  const owned_fd file = test::scratch_file();
  for (std::size_t most = 1; most <= 9; ++most) {
    auto [left, right] = stream::pair().value();
    REQUIRE(left.send("abcdefghi", {file, file}));
    const in_part receives{right.fd(), call::recvmsg, most};
    const auto first = right.receive(buffer, 2);
    REQUIRE(first);
    CHECK(first->size == most);
    CHECK(first->descriptors.size() == 2);
    CHECK(drain(right).text.size() == 9 - most);
  }
}

TEMPLATE_TEST_CASE("where the kernel says that something was cut, what did arrive is closed with the error", "[short]",
                   stream, datagram, seqpacket) {
  struct cut {
    int flag;
    errc error;
  };
  for (const cut& what : {cut{MSG_TRUNC, errc::payload_cut}, cut{MSG_CTRUNC, errc::descriptors_lost},
                          cut{MSG_TRUNC | MSG_CTRUNC, errc::descriptors_lost}}) {
    for (const bool partial : {false, true}) {
      auto [left, right] = TestType::pair().value();
      test::witness watched;
      owned_fd given = watched.give();
      REQUIRE(left.send_owned("x", given));
      {
        const auto told = said_otherwise(right.fd(), [&what](msghdr& message) { message.msg_flags |= what.flag; });
        const auto got = partial ? right.receive_partial(buffer, 1) : right.receive(buffer, 1);
        if (partial) {
          REQUIRE(got);
          CHECK(got->payload_cut == ((what.flag & MSG_TRUNC) != 0));
          CHECK(got->descriptors_lost == ((what.flag & MSG_CTRUNC) != 0));
          CHECK(watched.is(got->descriptors[0]));
        } else {
          CHECK(got.error().code == what.error);
          CHECK(got.error().installed == 1);
        }
      }
      CHECK(watched.closed());
      REQUIRE(left.send("y"));
      const auto next = right.try_receive(buffer, 1);
      if (!partial && std::same_as<TestType, stream>) {
        CHECK(next.error().code == errc::receive_side_dead);
      } else {
        CHECK(next);
      }
    }
  }
}

TEMPLATE_TEST_CASE("control data beyond the length that the kernel tells is never looked at", "[short]", stream,
                   datagram, seqpacket) {
  // A whole SCM_RIGHTS that names an open descriptor of ours lies in the room; of it, `told` bytes are said to be
  // there.
  for (std::size_t told = 0; told < CMSG_LEN(sizeof(int)); ++told) {
    INFO(told << " bytes of control data");
    auto [left, right] = TestType::pair().value();
    test::witness watched;
    const owned_fd ours = watched.give();
    REQUIRE(left.send("x"));
    {
      const auto stale = said_otherwise(right.fd(), [&ours, told](msghdr& message) {
        cmsghdr header{};
        header.cmsg_len = CMSG_LEN(sizeof(int));
        header.cmsg_level = SOL_SOCKET;
        header.cmsg_type = SCM_RIGHTS;
        const int number = ours.native_handle();
        std::memcpy(message.msg_control, &header, sizeof header);
        std::memcpy(static_cast<std::byte*>(message.msg_control) + CMSG_LEN(0), &number, sizeof number);
        message.msg_controllen = told;
      });
      const auto got = right.receive_partial(buffer, 1);
      if (told < CMSG_LEN(0)) {  // not even a header
        REQUIRE(got);
        CHECK(got->size == 1);
        CHECK(got->descriptors.size() == 0);
      } else {
        CHECK(got.error().code == errc::malformed);
        CHECK(got.error().installed == 0);
      }
    }
    CHECK_FALSE(watched.closed());
  }
}
