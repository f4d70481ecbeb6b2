// Channels, listeners and records on an event loop: they answer as they do without one, and what is cancelled took
// nothing.
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/same_file.hpp"
#include "support/temporary_folder.hpp"

#include <scm/asio.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <fcntl.h>

#include <array>
#include <cstring>
#include <future>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;
namespace net = boost::asio;

namespace {

template <class Channel>
std::pair<async_channel<Channel>, async_channel<Channel>> connected(net::io_context& loop) {
  auto ends = Channel::pair().value();
  return {async_channel<Channel>::make(loop.get_executor(), std::move(ends.first)).value(),
          async_channel<Channel>::make(loop.get_executor(), std::move(ends.second)).value()};
}

int status_flags_of(borrowed_fd fd) { return ::fcntl(fd.native_handle(), F_GETFL); }

// No co_await within CHECK: GCC 12 carries out the copy of it that the macro keeps from being evaluated.
constexpr record_bounds bounds{
    .record_bytes = 1 << 20, .record_descriptors = 8, .queued_bytes = 8 << 20, .queued_descriptors = 64};

}  // namespace

TEMPLATE_TEST_CASE("a message and its descriptor arrive, by callback, future and coroutine", "", stream, datagram,
                   seqpacket) {
  net::io_context loop;
  auto [here, there] = connected<TestType>(loop);
  const owned_fd file = scratch_file();
  const std::array lent{file.get()};
  const std::string_view text = "take this";
  std::array<char, 32> room{};
  int arrived = 0;
  const auto check = [&](const result<message, receive_error>& got) {
    REQUIRE(got);
    CHECK(std::string_view{room.data(), got->size} == text);
    CHECK(same_open_file(got->descriptors[0], file));
    ++arrived;
  };

  there.async_receive(room, 1, check);
  here.async_send(text, lent, [](const result<std::size_t, send_error>& sent) { CHECK(sent == 9U); });
  loop.run();
  CHECK(arrived == 1);

  loop.restart();
  auto later = there.async_receive(room, 1, net::use_future);
  auto sent = here.async_send(text, lent, net::use_future);
  loop.run();
  CHECK(sent.get() == 9U);
  check(later.get());

  loop.restart();
  net::co_spawn(
      loop,
      [&]() -> net::awaitable<void> {
        const auto gone = co_await here.async_send(text, lent);
        CHECK(gone);
        const auto got = co_await there.async_receive(room, 1);
        check(got);
      },
      net::detached);
  loop.run();
  CHECK(arrived == 3);
}

TEST_CASE("the file status flags of the socket stay as they were, for everybody who shares it") {
  net::io_context loop;
  auto ends = seqpacket::pair().value();
  const owned_fd mine = duplicate(ends.first.fd()).value();
  const int before = status_flags_of(mine);
  auto here = async_channel<seqpacket>::make(loop.get_executor(), std::move(ends.first)).value();
  std::array<char, 8> room{};
  bool called = false;
  here.async_receive(room, 0, [&](const auto& got) { called = got.has_value(); });
  loop.poll();
  CHECK(status_flags_of(mine) == before);
  REQUIRE(ends.second.send("x"));
  loop.run();
  CHECK(called);
  CHECK(status_flags_of(mine) == before);
}

TEST_CASE("what goes wrong is told as without an event loop") {
  net::io_context loop;
  auto [here, there] = connected<seqpacket>(loop);
  const owned_fd file = scratch_file();
  const std::array lent{file.get(), file.get()};
  std::array<char, 8> room{};

  auto over = there.async_receive(room, 1, net::use_future);
  REQUIRE(here.next_layer().send("x", lent));
  loop.run();
  const auto refused = over.get();
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::over_limit);
  CHECK(refused.error().installed == 2);

  loop.restart();
  const expectation agreed[] = {{.kinds = descriptor_kind::memfd}};
  auto admitted = there.async_receive(room, agreed, net::use_future);
  REQUIRE(here.next_layer().send("x", file.get()));
  loop.run();
  const auto turned_away = admitted.get();
  REQUIRE_FALSE(turned_away);
  CHECK(turned_away.error().refused->what == mismatch::kind);

  loop.restart();
  auto end = there.async_receive(room, 0, net::use_future);
  here.close();
  loop.run();
  CHECK(end.get().error() == errc::end_of_file);
}

TEST_CASE("a send waits for room, and what was sent before it is not sent twice") {
  net::io_context loop;
  auto [here, there] = connected<seqpacket>(loop);
  const std::string text(4096, 'x');
  std::size_t filled = 0;
  while (here.next_layer().try_send(text)) ++filled;
  bool sent = false;
  here.async_send(text, {}, [&](const auto& how) { sent = how.has_value(); });
  loop.poll();
  CHECK_FALSE(sent);
  std::string room(4096, '\0');
  for (std::size_t i = 0; i != filled; ++i) REQUIRE(there.next_layer().try_receive(room, 0));
  loop.run();
  CHECK(sent);
  REQUIRE(there.next_layer().try_receive(room, 0));
  CHECK(there.next_layer().try_receive(room, 0).error() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("an object that dies cancels what is pending, and its memory outlives that") {
  net::io_context loop;
  std::array<char, 8> room{};
  std::vector<std::error_code> answers;
  const auto note = [&](const auto& got) { answers.push_back(got.error()); };
  {
    auto [here, there] = connected<stream>(loop);
    there.async_receive(room, 0, note);
    loop.poll();
    here.async_receive(room, 0, note);  // not even begun
  }
  loop.run();
  CHECK(answers == std::vector<std::error_code>(2, std::make_error_code(std::errc::operation_canceled)));
  {
    auto ends = connected<stream>(loop);
    ends.first.async_receive(room, 0, note);
  }
  // An event loop that dies with operations pending closes what they hold, too.
}

TEST_CASE("a deadline is composed, and nothing is lost by it") {
  using namespace net::experimental::awaitable_operators;
  net::io_context loop;
  auto [here, there] = connected<seqpacket>(loop);
  std::array<char, 8> room{};
  bool done = false;
  net::co_spawn(
      loop,
      [&]() -> net::awaitable<void> {
        net::steady_timer timer{loop, 1ms};
        const auto first = co_await (there.async_receive(room, 0) || timer.async_wait(net::use_awaitable));
        CHECK(first.index() == 1);
        CHECK(here.next_layer().try_send("kept"));
        const auto got = co_await there.async_receive(room, 0);
        CHECK(got);
        done = true;
      },
      net::detached);
  loop.run();
  CHECK(done);
}

TEST_CASE("100,000 receives that are cancelled at any moment lose no message and no descriptor") {
  net::io_context loop;
  auto [here, there] = connected<seqpacket>(loop);
  const owned_fd file = scratch_file();
  std::minstd_rand any{7};
  std::uint32_t sent = 0, received = 0, cancelled = 0;
  std::uint32_t room = 0;
  bool pending = false;
  bool right = true;
  std::optional<net::cancellation_signal> signal;
  for (std::uint32_t turn = 0; turn != 100000; ++turn) {
    if (!pending) {
      pending = true;
      signal.emplace();
      there.async_receive(mutable_buffer{&room, sizeof room}, 1,
                          net::bind_cancellation_slot(signal->slot(), [&](const result<message, receive_error>& got) {
                            pending = false;
                            if (got) {
                              right = right && room == received && got->descriptors.size() == 1;
                              ++received;
                            } else {
                              right = right && got.error() == std::errc::operation_canceled;
                              ++cancelled;
                            }
                          }));
    }
    // The message comes before, after or while the operation goes through each of its stages.
    const auto send = [&] {
      if (sent - received < 8 && here.next_layer().try_send(const_buffer{&sent, sizeof sent}, file.get())) ++sent;
    };
    for (auto steps = any() % 4; steps != 0; --steps) {
      if (any() % 3 == 0) send();
      loop.restart();
      loop.poll_one();
    }
    if (any() % 2 == 0) send();
    signal->emit(net::cancellation_type::terminal);
    if (any() % 2 == 0) send();
    loop.restart();
    loop.poll();
  }
  loop.restart();
  loop.run();
  while (received != sent && there.next_layer().try_receive(mutable_buffer{&room, sizeof room}, 1)) {
    right = right && room == received;
    ++received;
  }
  CHECK(right);
  CHECK(received == sent);
  CHECK(sent > 10000);
  CHECK(cancelled > 10000);
}

TEST_CASE("connections are accepted, and carry messages") {
  const temporary_folder folder;
  net::io_context loop;
  const auto at = address::path(folder.path() + "/socket").value();
  auto listening = async_listener<stream>::make(loop.get_executor(), listener<stream>::bind(at).value()).value();
  int accepted = 0;
  net::co_spawn(
      loop,
      [&]() -> net::awaitable<void> {
        for (; accepted != 2; ++accepted) {
          auto one = co_await listening.async_accept();
          CHECK(one);
          if (!one) co_return;
          auto channel = async_channel<stream>::make(loop.get_executor(), std::move(*one)).value();
          const auto sent = co_await channel.async_send("hello", {});
          CHECK(sent);
        }
      },
      net::detached);
  loop.poll();
  for (int i = 0; i != 2; ++i) {
    auto client = stream::connect(at).value();
    loop.restart();
    loop.run_for(2s);
    std::array<char, 8> room{};
    CHECK(client.try_receive(room, 0)->size == 5);
  }
  loop.run();
  CHECK(accepted == 2);
}

TEMPLATE_TEST_CASE("records of any size arrive whole, with their descriptors", "", stream, seqpacket) {
  net::io_context loop;
  auto ends = TestType::pair().value();
  auto here =
      async_records::make(loop.get_executor(), record_channel::make(std::move(ends.first), bounds).value()).value();
  auto there =
      async_records::make(loop.get_executor(), record_channel::make(std::move(ends.second), bounds).value()).value();
  const owned_fd file = scratch_file();
  const std::array lent{file.get(), file.get(), file.get()};
  constexpr std::size_t count = 40;
  std::size_t arrived = 0;
  net::co_spawn(
      loop,
      [&]() -> net::awaitable<void> {
        for (std::size_t i = 0; i != count; ++i) {
          const std::string text(i * 5000, static_cast<char>('a' + i % 26));
          const auto sent = co_await here.async_send(text, std::span{lent}.first(i % 4));
          CHECK(sent);
        }
        here.next_layer().queue("last").value();
        const auto flushed = co_await here.async_flush();
        CHECK(flushed);
      },
      net::detached);
  net::co_spawn(
      loop,
      [&]() -> net::awaitable<void> {
        for (std::size_t i = 0; i != count; ++i) {
          const auto got = co_await there.async_receive();
          CHECK(got);
          if (!got) co_return;
          CHECK(got->bytes.size() == i * 5000);
          CHECK(got->descriptors.size() == i % 4);
          ++arrived;
        }
        const auto last = co_await there.async_receive();
        CHECK(last->bytes.size() == 4);
      },
      net::detached);
  loop.run();
  CHECK(arrived == count);
}
