// Waiting: for ever, until a deadline, or not at all; and signals in between.
#include "support/beside.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"

#include <scm/channel.hpp>

#include <fcntl.h>
#include <sys/time.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;

namespace {
std::array<std::byte, 64> buffer;

template <class Channel>
std::pair<Channel, Channel> pair() {
  return Channel::pair().value();
}

// Sends until the queue is full.
void fill(channel& end) {
  const std::vector<char> some(1000, 'x');
  while (end.try_send(some)) {
  }
}

// SIGALRM every 2 ms without SA_RESTART, so that system calls are interrupted.
class interruptions {
 public:
  interruptions() {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before_);
    const itimerval often{{0, 2000}, {0, 2000}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
  }
  interruptions(const interruptions&) = delete;
  interruptions& operator=(const interruptions&) = delete;
  ~interruptions() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  struct sigaction before_{};
};
}  // namespace

TEMPLATE_TEST_CASE("a receive ends at its deadline, and not before", "[wait]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const deadline until = in(30ms);
  CHECK(right.receive(buffer, 0, {.until = until}).error().code == std::errc::timed_out);
  CHECK(std::chrono::steady_clock::now() >= until);
  CHECK(right.receive(buffer, 0, {.until = std::chrono::steady_clock::now() - 1h}).error().code ==
        std::errc::timed_out);
  REQUIRE(left.send("x"));
  CHECK(right.receive(buffer, 0, {.until = std::chrono::steady_clock::now() - 1h})->size == 1);
}

TEMPLATE_TEST_CASE("a deadline in the far past is one that has passed", "[wait]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  for (const deadline past : {in(std::chrono::nanoseconds::min()), deadline::min() + 1ns, deadline{}}) {
    CHECK(right.receive(buffer, 0, {.until = past}).error() == std::errc::timed_out);
    fill(left);
    CHECK(left.send(std::vector<char>(1000, 'x'), {}, {.until = past}).error() == std::errc::timed_out);
    std::vector<char> room(1000);
    while (right.try_receive(room, 0)) {
    }
  }
}

TEMPLATE_TEST_CASE("a send into a full queue ends at its deadline, and goes on when there is room", "[wait]", stream,
                   datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  fill(left);
  const std::vector<char> some(1000, 'x');
  CHECK(left.send(some, {}, {.until = in(10ms)}).error().code == std::errc::timed_out);
  test::beside reader{[&right] {
    std::this_thread::sleep_for(10ms);
    std::vector<char> room(1000);
    while (right.try_receive(room, 0)) {
    }
    return true;
  }};
  CHECK(left.send(some, {}, {.until = in(10s)}));
  CHECK(reader.succeeded());
}

TEMPLATE_TEST_CASE("try_ calls never wait", "[wait]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  CHECK(right.try_receive(buffer, 0).error().code == std::errc::resource_unavailable_try_again);
  fill(left);
  CHECK(left.try_send(std::vector<char>(1000, 'x')).error().code == std::errc::resource_unavailable_try_again);
  CHECK(right.try_receive(std::vector<char>(1000), 0));
}

TEMPLATE_TEST_CASE("a message that comes while waiting is received", "[wait]", stream, datagram, seqpacket) {
  for (const bool with_deadline : {false, true}) {
    auto [left, right] = pair<TestType>();
    test::beside sender{[&left] {
      std::this_thread::sleep_for(10ms);
      return left.send("x").has_value();
    }};
    CHECK(right.receive(buffer, 0, {.until = with_deadline ? in(10s) : no_deadline})->size == 1);
    CHECK(sender.succeeded());
  }
}

TEMPLATE_TEST_CASE("where somebody set O_NONBLOCK or a receive timeout, calls still wait, and neither is changed",
                   "[wait]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const int number = right.fd().native_handle();
  const int flags = ::fcntl(number, F_GETFL) | O_NONBLOCK;
  REQUIRE(::fcntl(number, F_SETFL, flags) == 0);
  const timeval brief{0, 1000};
  REQUIRE(::setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief) == 0);

  test::beside sender{[&left] {
    std::this_thread::sleep_for(15ms);
    return left.send("x").has_value();
  }};
  CHECK(right.receive(buffer, 0)->size == 1);
  CHECK(sender.succeeded());
  CHECK(::fcntl(number, F_GETFL) == flags);

  fill(right);
  test::beside reader{[&left] {
    std::this_thread::sleep_for(15ms);
    std::vector<char> room(1000);
    while (left.try_receive(room, 0)) {
    }
    return true;
  }};
  CHECK(right.send(std::vector<char>(1000, 'x')));
  CHECK(reader.succeeded());
}

TEMPLATE_TEST_CASE("no call sets O_NONBLOCK", "[wait]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd same = duplicate(right.fd()).value();
  const int before = ::fcntl(same.native_handle(), F_GETFL);
  CHECK_FALSE(right.try_receive(buffer, 0));
  CHECK_FALSE(right.receive(buffer, 0, {.until = in(1ms)}));
  CHECK(right.try_send("x"));
  CHECK(right.send("x", {}, {.until = in(1ms)}));
  CHECK((before & O_NONBLOCK) == 0);
  CHECK(::fcntl(same.native_handle(), F_GETFL) == before);
}

TEMPLATE_TEST_CASE("signals neither end a wait nor lengthen it", "[wait][no-valgrind]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const interruptions often;
  const deadline until = in(40ms);
  CHECK(right.receive(buffer, 0, {.until = until}).error().code == std::errc::timed_out);
  CHECK(std::chrono::steady_clock::now() >= until);

  test::child sender{[&left] {
    std::this_thread::sleep_for(40ms);
    return left.send("x").has_value();
  }};
  CHECK(right.receive(buffer, 0)->size == 1);
  CHECK(sender.succeeded());

  fill(left);
  const std::vector<char> some(1000, 'x');
  CHECK(left.send(some, {}, {.until = in(20ms)}).error().code == std::errc::timed_out);
}

TEST_CASE("a full datagram peer without a connection is waited for within the deadline", "[wait]") {
  auto receiver = datagram::bind(address::autobind()).value();
  auto sender = datagram::open().value();
  const address to = receiver.local_address().value();
  while (sender.send_to(to, "x", {}, {.until = dont_wait})) {
  }
  CHECK(sender.send_to(to, "x", {}, {.until = in(30ms)}).error().code == std::errc::timed_out);
  test::beside reader{[&receiver] {
    std::this_thread::sleep_for(20ms);
    while (receiver.try_receive(buffer, 0)) {
    }
    return true;
  }};
  CHECK(sender.send_to(to, "x", {}, {.until = in(10s)}));
  CHECK(reader.succeeded());
}

TEST_CASE("too many descriptors in flight is an error of its own, and passes once some are received",
          "[wait][no-valgrind]") {
  test::child nobody{[] {
    if (!test::become_somebody_else()) return false;
    auto [left, right] = pair<seqpacket>();
    const owned_fd file{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    const test::descriptor_limit few{32};
    result<std::size_t, send_error> sent = 0;
    int queued = 0;
    while ((sent = left.try_send("x", {file}))) ++queued;
    if (sent.error().code != errc::too_many_in_flight || queued < 32) return false;
    if (left.send("x", {file}).error().code != errc::too_many_in_flight) return false;  // at once, without a deadline
    if (left.send("x", {file}, {.until = in(20ms)}).error().code != std::errc::timed_out) return false;
    if (!left.send("x")) return false;  // bytes alone still go

    std::thread reader{[&end = right] {
      std::this_thread::sleep_for(20ms);
      for (int i = 0; i != 8; ++i) (void)end.receive(buffer, 1);
    }};
    const bool passed = left.send("x", {file}, {.until = in(10s)}).has_value();
    reader.join();
    return passed;
  }};
  CHECK(nobody.succeeded());
}

TEST_CASE("accept waits as it is asked to", "[wait][no-valgrind]") {
  auto server = listener<seqpacket>::bind(address::autobind()).value();
  CHECK(server.try_accept().error() == std::errc::resource_unavailable_try_again);
  const deadline until = in(20ms);
  CHECK(server.accept(until).error() == std::errc::timed_out);
  CHECK(std::chrono::steady_clock::now() >= until);

  const interruptions often;
  test::child client{[at = server.local_address().value()] {
    std::this_thread::sleep_for(20ms);
    return seqpacket::connect(at).has_value();
  }};
  CHECK(server.accept());
  CHECK(client.succeeded());
}

TEMPLATE_TEST_CASE("a channel that was moved from fails at once", "[wait]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const TestType moved{std::move(right)};
  CHECK(right.receive(buffer, 0).error() == std::errc::bad_file_descriptor);
  CHECK(right.receive(buffer, 0, {.until = in(10s), .reserve = 0}).error() == std::errc::bad_file_descriptor);
  CHECK(right.send("x").error() == std::errc::bad_file_descriptor);
}

TEST_CASE("a listener that was moved from fails at once, made here or adopted", "[wait]") {
  auto made = listener<stream>::bind(address::autobind()).value();
  auto adopted = listener<stream>::adopt(duplicate(made.fd()).value()).value();
  const auto a = std::move(made);
  const auto b = std::move(adopted);
  for (auto* const one : {&made, &adopted}) {
    CHECK(one->accept().error() == std::errc::bad_file_descriptor);
    CHECK(one->accept(in(10s)).error() == std::errc::bad_file_descriptor);
    CHECK(one->try_accept().error() == std::errc::bad_file_descriptor);
  }
}

TEST_CASE("an adopted listener that would wait does not, when asked not to", "[wait]") {
  auto made = listener<stream>::bind(address::autobind()).value();
  owned_fd copy = duplicate(made.fd()).value();
  REQUIRE(::fcntl(copy.native_handle(), F_SETFL, 0) == 0);  // as one that another program made
  auto adopted = listener<stream>::adopt(std::move(copy)).value();
  CHECK(adopted.try_accept().error() == std::errc::resource_unavailable_try_again);
  CHECK(adopted.accept(in(5ms)).error() == std::errc::timed_out);
  auto client = stream::connect(made.local_address().value()).value();
  CHECK(adopted.accept(in(10s)));
}

TEST_CASE("where another holder shuts a datagram socket down for receiving, waiting ends instead of spinning",
          "[wait]") {
  auto [left, right] = pair<datagram>();
  REQUIRE(left.send("first"));
  REQUIRE(left.send(""));
  REQUIRE(left.send("last"));
  REQUIRE(::shutdown(right.fd().native_handle(), SHUT_RD) == 0);
  CHECK(right.receive(buffer, 0)->size == 5);
  CHECK(right.receive(buffer, 0)->size == 0);  // a message, though an empty one
  CHECK(right.receive(buffer, 0)->size == 4);
  for (const deadline until : {no_deadline, in(10s), dont_wait}) {
    CHECK(right.receive(buffer, 0, {.until = until}).error() == errc::end_of_file);
  }
}

TEST_CASE("a connect waits for room in the backlog until its deadline", "[wait]") {
  auto server = listener<stream>::bind(address::autobind(), {.backlog = 0}).value();
  const address at = server.local_address().value();
  auto first = stream::connect(at).value();
  const deadline until = in(30ms);
  CHECK(stream::connect(at, until).error() == std::errc::timed_out);
  CHECK(std::chrono::steady_clock::now() >= until);
  CHECK(stream::connect(at, dont_wait).error() == std::errc::resource_unavailable_try_again);
  CHECK(stream::connect(at, deadline::min() + 1ns).error() == std::errc::timed_out);

  test::beside acceptor{[&server] {
    std::this_thread::sleep_for(20ms);
    return server.accept().has_value();
  }};
  auto second = stream::connect(at, in(10s));
  CHECK(acceptor.succeeded());
  REQUIRE(second);
  auto third = listener<stream>::bind(address::autobind()).value();
  auto at_once = stream::connect(third.local_address().value(), dont_wait).value();
  CHECK((::fcntl(at_once.fd().native_handle(), F_GETFL) & O_NONBLOCK) == 0);
  timeval patience{1, 1};
  socklen_t size = sizeof patience;
  REQUIRE(::getsockopt(second->fd().native_handle(), SOL_SOCKET, SO_SNDTIMEO, &patience, &size) == 0);
  CHECK(patience.tv_sec == 0);
  CHECK(patience.tv_usec == 0);
}
