// Netlink on an event loop: datagrams and answers are awaited, and what is cancelled took nothing.
#include "netlink/built.hpp"
#include "support/catch.hpp"

#include <scm/asio/async_netlink.hpp>
#include <scm/netlink.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>

using namespace scm;
using namespace scm::test;
namespace net = boost::asio;

namespace {

async_netlink on(net::io_context& loop, netlink_family family, const netlink_options& options = {}) {
  return async_netlink::make(loop.get_executor(), netlink_socket::open(family, options).value()).value();
}

netlink_batch room() { return netlink_batch::make(4, limits::netlink_datagram_bytes).value(); }

bool tell(const netlink_socket& from, const netlink_socket& to, std::string_view text) {
  sockaddr_nl where{};
  where.nl_family = AF_NETLINK;
  where.nl_pid = to.port();
  return ::sendto(from.fd().native_handle(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&where),
                  sizeof where) == static_cast<ssize_t>(text.size());
}

std::string text_of(const netlink_datagram& one) {
  return {reinterpret_cast<const char*>(one.bytes.data()), one.bytes.size()};
}

}  // namespace

TEST_CASE("an answer is awaited message by message, to its end or to what the kernel has against it") {
  net::io_context loop;
  auto socket = on(loop, netlink_family::route);
  auto batch = room();
  const auto all = built{}.number(ifinfomsg{}).bytes;
  int links = 0;
  std::optional<netlink_error> refused;
  bool ended = false;
  net::co_spawn(
      loop,
      [&]() -> net::awaitable<void> {
        const auto sequence = co_await socket.async_request(RTM_GETLINK, NLM_F_DUMP, all);
        REQUIRE(sequence);
        netlink_reply reply{socket.next_layer(), batch, *sequence};
        for (;;) {
          const auto message = co_await socket.async_next(reply);
          REQUIRE(message);
          if (!*message) break;
          ++links;
        }
        ended = true;

        auto requests = netlink_requests::make(socket.next_layer(), 1).value();
        reply.turn_to(requests.add(RTM_GETLINK, 0, all).value());
        const auto sent = co_await socket.async_send(requests);
        CHECK(sent == 1U);
        const auto none = co_await socket.async_next(reply);
        if (!none) refused = none.error();
      },
      net::detached);
  loop.run();
  CHECK(ended);
  CHECK(links > 0);
  REQUIRE(refused);
  CHECK(refused->code() == std::errc::invalid_argument);
}

TEST_CASE("a datagram that comes later completes what waits for it") {
  net::io_context loop;
  auto socket = on(loop, netlink_family::user);
  const auto other = netlink_socket::open(netlink_family::user).value();
  auto batch = room();
  std::optional<result<std::size_t>> got;
  socket.async_receive(batch, [&](const result<std::size_t>& how) { got = how; });
  loop.poll();
  CHECK_FALSE(got);
  REQUIRE(tell(other, socket.next_layer(), "first"));
  REQUIRE(tell(other, socket.next_layer(), "second"));
  loop.run();
  REQUIRE(got);
  REQUIRE(*got == 2U);
  CHECK(text_of(batch[0]) == "first");
  CHECK(text_of(batch[1]) == "second");
  CHECK(batch[1].sender == other.port());
}

TEST_CASE("a receive that is cancelled, at whatever moment, has taken no datagram") {
  net::io_context loop;
  auto socket = on(loop, netlink_family::user);
  const auto other = netlink_socket::open(netlink_family::user).value();
  auto batch = room();
  int sent = 0, received = 0, cancelled = 0;
  for (int round = 0; round != 3000; ++round) {
    net::cancellation_signal stop;
    std::optional<result<std::size_t>> got;
    socket.async_receive(batch,
                         net::bind_cancellation_slot(stop.slot(), [&](const result<std::size_t>& how) { got = how; }));
    // Before it begins, while it waits, when it could go on, and with all of it done.
    const int moment = round % 4;
    if (moment != 0) loop.poll_one();
    REQUIRE(tell(other, socket.next_layer(), std::to_string(sent++)));
    if (moment == 2) loop.poll_one();
    if (moment == 3) loop.poll();
    stop.emit(net::cancellation_type::all);
    loop.restart();
    loop.run();
    loop.restart();
    REQUIRE(got);
    if (!*got) {
      CHECK(got->error() == std::errc::operation_canceled);
      ++cancelled;
      continue;
    }
    for (const netlink_datagram& one : batch) CHECK(text_of(one) == std::to_string(received++));
  }
  while (socket.next_layer().receive(batch, dont_wait)) {
    for (const netlink_datagram& one : batch) CHECK(text_of(one) == std::to_string(received++));
  }
  CHECK(received == sent);
  CHECK(cancelled > 0);
  CHECK(cancelled < 3000);
}

TEST_CASE("a netlink socket that is closed ends what waits for it") {
  net::io_context loop;
  auto socket = on(loop, netlink_family::route);
  auto batch = room();
  netlink_reply reply{socket.next_layer(), batch, 1};
  std::optional<std::error_code> why;
  socket.async_next(reply, [&](const result<std::optional<netlink_message>, netlink_error>& got) {
    if (!got) why = got.error().code();
  });
  loop.poll();
  socket.close();
  loop.restart();
  loop.run();
  CHECK(why == std::errc::operation_canceled);
}
