#include "supervisor/scene.hpp"

#include <array>
#include <cerrno>

using namespace scm;
using namespace scm::test;
using detail::call_step;

namespace {
constexpr std::array both{abi::lp64, abi::ilp32};
constexpr auto sends = message_use::send;
}  // namespace

TEST_CASE("a message is sent as it was read, with the descriptors that its numbers mean", "[supervisor]") {
  for (const abi layout : both) {
    scene s{layout};
    s.rights(0, {3, 4}, 5);
    s.put(s.payload(0), "hello");
    CHECK(s.answer(s.request(sends)) == 5);
    REQUIRE(s.kernel.sent.size() == 1);
    CHECK(s.kernel.sent[0].bytes == "hello");
    CHECK(s.kernel.sent[0].descriptors == 2);
    CHECK(s.desk.statistics.descriptors_out == 2);
  }
}

TEST_CASE("one bad number, or too many, and nothing is sent", "[supervisor]") {
  scene s;
  s.rights(0, {3, -1}, 5);
  CHECK(s.answer(s.request(sends)) == -EBADF);
  s.rights(0, std::vector<int>(254, 3), 5);
  CHECK(s.answer(s.request(sends)) == -EINVAL);
  CHECK(s.kernel.sent.empty());
}

TEST_CASE("what is denied is not sent, whatever its memory says afterwards", "[supervisor]") {
  scene s;
  s.message(0, 5, 0, 0);
  s.put(s.payload(0), "allow");
  s.desk.judge = [&](const supervised_message& message) {
    CHECK(message.payload.size() == 5);
    const bool good = message.payload[0] == std::byte{'a'};
    s.put(s.payload(0), good ? "DENY!" : "allow");
    return message_verdict{.what = good ? message_verdict::action::allow : message_verdict::action::deny};
  };
  CHECK(s.answer(s.request(sends)) == 5);
  CHECK(s.answer(s.request(sends)) == -EACCES);
  REQUIRE(s.kernel.sent.size() == 1);
  CHECK(s.kernel.sent[0].bytes == "allow");

  SECTION("and what waits was read before it waited") {
    s.kernel.room = 0;
    s.put(s.payload(0), "allow");
    auto call = s.call(s.request(sends));
    CHECK(call.advance(s.kernel).what == call_step::next::writable);
    s.put(s.payload(0), "DENY!");
    s.kernel.room = 100;
    CHECK(call.advance(s.kernel).answer == 5);
    CHECK(s.kernel.sent[1].bytes == "allow");
  }
  SECTION("an exception of the judge denies") {
    s.desk.judge = [](const supervised_message&) -> message_verdict { throw 1; };
    CHECK(s.answer(s.request(sends)) == -EACCES);
  }
}

TEST_CASE("a message that is stripped goes without its descriptors", "[supervisor]") {
  scene s;
  s.rights(0, {3, 4}, 5);
  s.desk.judge = [](const supervised_message&) { return message_verdict{.what = message_verdict::action::strip}; };
  CHECK(s.answer(s.request(sends)) == 5);
  CHECK(s.kernel.sent[0].descriptors == 0);
}

TEST_CASE("a stream takes what it has room for, and the descriptors go once", "[supervisor]") {
  scene s;
  s.kernel.type = SOCK_STREAM;
  s.rights(0, {3}, 10);
  s.put(s.payload(0), "0123456789");
  s.kernel.room = 4;
  auto call = s.call(s.request(sends));
  CHECK(call.advance(s.kernel).what == call_step::next::writable);
  s.kernel.room = 4;
  CHECK(call.advance(s.kernel).waits());
  CHECK(call.interrupted(s.kernel, true) == 8);
  s.kernel.room = 100;
  CHECK(call.advance(s.kernel).answer == 10);
  REQUIRE(s.kernel.sent.size() == 3);
  CHECK(s.kernel.sent[0].bytes + s.kernel.sent[1].bytes + s.kernel.sent[2].bytes == "0123456789");
  CHECK(s.kernel.sent[0].descriptors == 1);
  CHECK(s.kernel.sent[1].descriptors + s.kernel.sent[2].descriptors == 0);

  s.kernel.room = 4;
  CHECK(s.answer(s.request(sends, MSG_DONTWAIT)) == 4);
  CHECK(s.answer(s.request(sends, MSG_DONTWAIT)) == -EAGAIN);
}

TEST_CASE("a pipe that breaks is the program's, and an error after some bytes is for the next call", "[supervisor]") {
  scene s;
  s.kernel.type = SOCK_STREAM;
  s.message(0, 10, 0, 0);
  s.kernel.trouble = [](const char* what) { return std::string_view{what} == "send" ? EPIPE : 0; };
  CHECK(s.answer(s.request(sends)) == -EPIPE);
  CHECK(s.kernel.broken_pipes == 1);
  int tries = 0;
  s.kernel.trouble = [&](const char* what) { return std::string_view{what} == "send" && tries++ != 0 ? EPIPE : 0; };
  s.kernel.room = 4;
  CHECK(s.answer(s.request(sends)) == 4);
  CHECK(s.kernel.broken_pipes == 1);
}

TEST_CASE("a full datagram socket that is sent to by name is tried again after a pause that grows", "[supervisor]") {
  scene s;
  s.kernel.type = SOCK_DGRAM;
  s.message(0, 5, 0, 6);
  const char name[] = {1, 0, 0, 'a', 'b', 'c'};
  s.put(s.name_at, {name, sizeof name});
  s.kernel.room = 0;
  auto call = s.call(s.request(sends));
  std::chrono::nanoseconds last{};
  for (int i = 0; i != 10; ++i) {
    const auto step = call.advance(s.kernel);
    CHECK(step.what == call_step::next::back_off);
    CHECK(step.until - s.kernel.clock >= last);
    last = step.until - s.kernel.clock;
    s.kernel.clock = step.until;
  }
  CHECK(last == limits::last_backoff);
  s.kernel.room = 100;
  CHECK(call.advance(s.kernel).answer == 5);
  CHECK(s.kernel.sent[0].name == std::string(name, sizeof name));
}

TEST_CASE("sendmmsg counts what it sent and loses the error behind that", "[supervisor]") {
  for (const abi layout : both) {
    scene s{layout};
    s.message(0, 1, 0, 0);
    s.message(1, 2, 0, 0);
    s.rights(2, {-1}, 3);
    CHECK(s.answer(s.batch(sends, 3)) == 2);
    CHECK(s.length(0) == 1);
    CHECK(s.length(1) == 2);
    CHECK(s.length(2) == 0);
    s.rights(0, {-1}, 3);
    CHECK(s.answer(s.batch(sends, 3)) == -EBADF);
  }
}

TEST_CASE("MSG_CMSG_COMPAT is an error of a 64-bit program, and nothing of a 32-bit one", "[supervisor]") {
  scene wide{abi::lp64}, narrow{abi::ilp32};
  wide.message(0, 1, 0, 0);
  narrow.message(0, 1, 0, 0);
  CHECK(wide.answer(wide.request(sends, 0x80000000)) == -EINVAL);
  CHECK(narrow.answer(narrow.request(sends, 0x80000000)) == 1);
}
