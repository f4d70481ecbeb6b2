#include "supervisor/scene.hpp"

#include <array>
#include <cerrno>

using namespace scm;
using namespace scm::test;
using detail::call_step;

namespace {
constexpr std::array both{abi::lp64, abi::ilp32};
constexpr auto receives = message_use::receive;
}  // namespace

TEST_CASE("a message that is there is received, its descriptors are installed and its header is written",
          "[supervisor]") {
  for (const abi layout : both) {
    scene s{layout};
    s.kernel.queued = {{"hello", 3}};
    CHECK(s.answer(s.request(receives)) == 5);
    CHECK(s.text(s.payload(0), 5) == "hello");
    CHECK(s.numbers() == std::vector{100, 101, 102});
    CHECK(s.fields().control_size == (layout == abi::lp64 ? 32 : 24));
    CHECK(s.fields().flags == 0);
    CHECK(s.kernel.close_on_exec == std::vector<bool>{false, false, false});
    CHECK_FALSE(s.kernel.twice);
  }
}

TEST_CASE("as many descriptors as there is room for are installed, and the rest is said to be cut", "[supervisor]") {
  scene s;
  std::size_t came = 0, fitting = 0;
  s.desk.judge = [&](const supervised_message& message) {
    came = message.descriptors.size();
    fitting = message.fitting;
    return message_verdict{};
  };
  s.message(0, 16, 24, 0);
  s.kernel.queued = {{"x", 5}};
  CHECK(s.answer(s.request(receives)) == 1);
  CHECK(s.kernel.installed == 2);
  CHECK(s.fields().flags == MSG_CTRUNC);
  CHECK(came == 5);
  CHECK(fitting == 2);

  SECTION("and so it is where the program's table is full in the middle") {
    s.kernel.installed = 0;
    s.kernel.table_room = 1;
    s.message(0, 16, 64, 0);
    s.kernel.queued = {{"x", 5}};
    CHECK(s.answer(s.request(receives)) == 1);
    CHECK(s.numbers().size() == 1);
    CHECK(s.fields().flags == MSG_CTRUNC);
    CHECK(fitting == 5);  // which only the attempt can tell
  }
  SECTION("or there is no room at all") {
    s.kernel.installed = 0;
    s.message(0, 16, 0, 0);
    s.kernel.queued = {{"x", 5}};
    CHECK(s.answer(s.request(receives)) == 1);
    CHECK(s.kernel.installed == 0);
    CHECK(s.fields().flags == MSG_CTRUNC);
    CHECK(fitting == 0);
  }
}

TEST_CASE("MSG_CMSG_CLOEXEC is for the descriptors that are installed, and is echoed", "[supervisor]") {
  scene s;
  s.kernel.queued = {{"x", 1}};
  CHECK(s.answer(s.request(receives, MSG_CMSG_CLOEXEC)) == 1);
  CHECK(s.kernel.close_on_exec == std::vector<bool>{true});
  CHECK(s.fields().flags == MSG_CMSG_CLOEXEC);
}

TEST_CASE("an empty socket is waited for, and not by a call that must not wait", "[supervisor]") {
  scene s;
  auto call = s.call(s.request(receives));
  CHECK(call.advance(s.kernel).what == call_step::next::readable);
  CHECK(call.advance(s.kernel).what == call_step::next::readable);
  s.kernel.queued = {{"late", 1}};
  const auto step = call.advance(s.kernel);
  CHECK_FALSE(step.waits());
  CHECK(step.answer == 4);

  CHECK(s.answer(s.request(receives, MSG_DONTWAIT)) == -EAGAIN);
  s.kernel.blocking = false;
  CHECK(s.answer(s.request(receives)) == -EAGAIN);
}

TEST_CASE("SO_RCVTIMEO ends a wait, and makes a signal an error whatever its handler says", "[supervisor]") {
  scene s;
  s.kernel.limit = std::chrono::seconds{1};
  auto call = s.call(s.request(receives));
  const auto step = call.advance(s.kernel);
  CHECK(step.until == s.kernel.clock + std::chrono::seconds{1});
  CHECK(call.interrupted(s.kernel, true) == -EINTR);
  s.kernel.clock += std::chrono::seconds{1};
  CHECK(call.advance(s.kernel).answer == -EAGAIN);
}

TEST_CASE("a signal restarts a call that has nothing yet, and ends one that has", "[supervisor]") {
  scene s;
  s.kernel.type = SOCK_STREAM;
  auto call = s.call(s.request(receives, MSG_WAITALL));
  CHECK(call.advance(s.kernel).waits());
  CHECK(call.interrupted(s.kernel, true) == -512);
  CHECK(call.interrupted(s.kernel, false) == -EINTR);
  s.kernel.queued = {{"some", 0}};
  CHECK(call.advance(s.kernel).waits());
  CHECK(call.interrupted(s.kernel, true) == 4);
  CHECK(s.text(s.payload(0), 4) == "some");
}

TEST_CASE("MSG_WAITALL goes on over messages of a stream, up to one with descriptors", "[supervisor]") {
  scene s;
  s.kernel.type = SOCK_STREAM;
  auto call = s.call(s.request(receives, MSG_WAITALL));
  s.kernel.queued = {{"one", 0}};
  CHECK(call.advance(s.kernel).waits());
  s.kernel.queued = {{"two", 2}, {"three", 0}};
  CHECK(call.advance(s.kernel).answer == 6);
  CHECK(s.text(s.payload(0), 6) == "onetwo");
  CHECK(s.numbers().size() == 2);
  CHECK(s.kernel.queued.size() == 1);
}

TEST_CASE("what a program cannot be written is known before anything is taken out of its socket", "[supervisor]") {
  scene s;
  s.kernel.type = SOCK_STREAM;
  s.kernel.queued = {{"hello", 1}};
  SECTION("its header") {
    std::array<memory_image::segment, 1> read_only{{{s.base, s.bytes, false}}};
    memory_image memory{read_only};
    s.kernel.instead = &memory;
    CHECK(s.answer(s.request(receives)) == -EFAULT);
  }
  SECTION("its payload") {
    std::array<memory_image::segment, 2> parts{
        {{s.base, std::span{s.bytes}.first(s.payload(0) - s.base)}, {s.vectors_at, s.at(s.vectors_at)}}};
    memory_image memory{parts};
    s.kernel.instead = &memory;
    CHECK(s.answer(s.request(receives)) == -EFAULT);
  }
  CHECK(s.kernel.queued.front().bytes == "hello");
  CHECK(s.kernel.installed == 0);
}

TEST_CASE("control data that cannot be written is room that is not there", "[supervisor]") {
  scene s;
  s.kernel.queued = {{"hello", 2}};
  std::array<memory_image::segment, 2> parts{
      {{s.base, std::span{s.bytes}.first(s.control(0) + 20 - s.base)}, {s.vectors_at, s.at(s.vectors_at)}}};
  memory_image memory{parts};
  s.kernel.instead = &memory;
  // A page of it is there or is not, as in a program: of the first byte of it the probe says that all can be written.
  CHECK(s.answer(s.request(receives)) == -EFAULT);
  CHECK(s.kernel.installed == 2);
}

TEST_CASE("a peek installs descriptors and leaves the message", "[supervisor]") {
  scene s;
  s.kernel.queued = {{"x", 2}};
  CHECK(s.answer(s.request(receives, MSG_PEEK)) == 1);
  CHECK(s.answer(s.request(receives)) == 1);
  CHECK(s.kernel.installed == 4);
}

TEST_CASE("a receive that is denied fails, and installs nothing", "[supervisor]") {
  scene s;
  using action = message_verdict::action;
  action wanted = action::deny;
  std::size_t seen = 0;
  s.desk.judge = [&](const supervised_message& message) {
    seen = message.descriptors.size();
    CHECK(message.use == receives);
    CHECK(message.thread == 7);
    CHECK(message.process == 5);
    return message_verdict{.what = wanted, .error = EXDEV};
  };
  s.kernel.queued = {{"one", 2}, {"two", 2}, {"three", 2}};
  CHECK(s.answer(s.request(receives)) == -EXDEV);
  CHECK(seen == 2);
  CHECK(s.kernel.installed == 0);
  wanted = action::strip;
  CHECK(s.answer(s.request(receives)) == 3);
  CHECK(s.fields().flags == MSG_CTRUNC);
  CHECK(s.kernel.installed == 0);
  wanted = action::kill;
  CHECK(s.answer(s.request(receives)) == -EXDEV);
  CHECK(s.kernel.killed == 1);
  CHECK(s.desk.statistics.denied == 3);
}

TEST_CASE("a program that is gone gets nothing, at whichever step it goes", "[supervisor]") {
  scene s;
  for (int steps = 0; steps != 6; ++steps) {
    s.kernel.queued = {{"hello", 2}};
    s.put(s.payload(0), "?????");
    int left = steps;
    s.kernel.is_valid = [&] { return left-- > 0; };
    const auto answer = s.answer(s.request(receives));
    if (steps < 2) CHECK(s.text(s.payload(0), 5) == "?????");
    CHECK(answer == (steps < 3 ? -ESRCH : 5));
  }
  CHECK_FALSE(s.kernel.twice);
}

TEST_CASE("recvmmsg fills its messages until there are no more, and says how many", "[supervisor]") {
  for (const abi layout : both) {
    scene s{layout};
    s.kernel.queued = {{"one", 1}, {"three", 0}};
    auto call = s.call(s.batch(receives, 3));
    CHECK(call.advance(s.kernel).waits());
    CHECK(call.interrupted(s.kernel, true) == 2);
    CHECK(s.length(0) == 3);
    CHECK(s.length(1) == 5);

    s.kernel.queued = {{"one", 1}, {"three", 0}};
    CHECK(s.answer(s.batch(receives, 3, MSG_WAITFORONE)) == 2);
    CHECK(s.answer(s.batch(receives, 3, MSG_DONTWAIT)) == -EAGAIN);
    CHECK(s.answer(s.batch(receives, 0)) == 0);

    // An error behind messages is left for the next call.
    s.kernel.queued = {{"one", 1}};
    auto asked = s.batch(receives, 3);
    asked.address = s.base + s.bytes.size() - message_layout_of(layout).batch_header;
    std::ranges::copy(s.at(s.header(0)).first(message_layout_of(layout).batch_header), s.at(asked.address).begin());
    CHECK(s.answer(asked) == 1);
    CHECK(s.kernel.left_error == EFAULT);
  }
}

TEST_CASE("recvmmsg looks at its timeout after each message, and gives back what is left", "[supervisor]") {
  for (const abi layout : both) {
    scene s{layout};
    auto asked = s.batch(receives, 3);
    asked.timeout = s.times_at;
    (void)encode_time({1, 0}, asked.timeout_layout, s.at(s.times_at));
    auto call = s.call(asked);
    CHECK(call.advance(s.kernel).until == no_deadline);
    s.kernel.clock += std::chrono::milliseconds{400};
    s.kernel.queued = {{"one", 1}};
    CHECK(call.advance(s.kernel).waits());
    s.kernel.clock += std::chrono::milliseconds{700};
    s.kernel.queued = {{"two", 1}};
    CHECK(call.advance(s.kernel).answer == 2);
    CHECK(decode_time(s.at(s.times_at), asked.timeout_layout) == foreign_time{0, 0});

    (void)encode_time({0, -1}, asked.timeout_layout, s.at(s.times_at));
    CHECK(s.answer(asked) == -EINVAL);
    asked.timeout = 8;
    CHECK(s.answer(asked) == -EFAULT);
  }
}
