/// An echo server: sends back every message with its descriptors, to any number of clients at once.
#include <scm/asio.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <cstdio>

namespace net = boost::asio;

net::awaitable<void> echo(scm::async_channel<scm::seqpacket> client) {
  std::array<char, 4096> room;
  for (;;) {
    const auto got = co_await client.async_receive(room, 16);
    if (!got) co_return;
    if (!co_await client.async_send({room.data(), got->size}, got->descriptors)) co_return;
  }
}

// Until a connection cannot be accepted, for want of descriptors as a rule.
net::awaitable<void> serve(scm::async_listener<scm::seqpacket> listener) {
  while (auto connection = co_await listener.async_accept()) {
    auto client = scm::async_channel<scm::seqpacket>::make(listener.get_executor(), std::move(*connection));
    if (client) net::co_spawn(listener.get_executor(), echo(std::move(*client)), net::detached);
  }
}

int main(int argc, char** argv) {
  net::io_context loop;
  const auto at = scm::address::path(argc == 2 ? argv[1] : "echo.sock");
  auto bound = at ? scm::listener<scm::seqpacket>::bind(*at) : std::unexpected{at.error()};
  if (!bound) return std::fprintf(stderr, "echo_server: %s\n", bound.error().message().c_str()), 1;
  auto listener = scm::async_listener<scm::seqpacket>::make(loop.get_executor(), std::move(*bound));
  if (!listener) return 1;
  net::co_spawn(loop, serve(std::move(*listener)), net::detached);
  loop.run();
}
