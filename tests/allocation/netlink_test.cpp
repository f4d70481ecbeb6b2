// Netlink and memory: sockets, batches and requests take it when they are made, and answers never.
#include "support/allocation_count.hpp"
#include "support/allocation_failure.hpp"
#include "support/catch.hpp"

#include <scm/netlink.hpp>

#include <linux/rtnetlink.h>

#include <span>
#include <tuple>

using namespace scm;

TEST_CASE("once they are made, asking and being answered allocate nothing", "[allocation][netlink]") {
  for (const bool credentials : {false, true}) {
    auto socket = netlink_socket::open(netlink_family::route, {.credentials = credentials}).value();
    auto batch = netlink_batch::make(4, limits::netlink_datagram_bytes).value();
    auto requests = netlink_requests::make(socket, 3).value();
    const ifinfomsg all{}, loopback{0, 0, 0, 1, 0, 0}, none{0, 0, 0, 0x7ffffff0, 0, 0};
    const auto bytes_of = [](const ifinfomsg& of) { return std::as_bytes(std::span{&of, 1}); };
    const auto answered = [](netlink_reply& reply) {
      auto message = reply.next();
      while (message && *message) message = reply.next();
      return message ? std::error_code{} : message.error().code();
    };
    const test::allocation_count allocations;
    bool good = true;
    for (int round = 0; round != 3; ++round) {
      const auto dump = socket.request(RTM_GETLINK, NLM_F_DUMP, bytes_of(all), dont_wait);
      netlink_reply reply{socket, batch, dump.value_or(0), dont_wait};
      good = good && dump && !answered(reply);
      const auto first = requests.add(RTM_GETLINK, 0, bytes_of(loopback));
      const auto second = requests.add(RTM_GETLINK, 0, bytes_of(none));
      good = good && first && second && requests.send(dont_wait).value_or(0) == 2;
      reply.turn_to(first.value_or(0));
      good = good && !answered(reply);
      reply.turn_to(second.value_or(0));
      good = good && answered(reply) == std::errc::no_such_device;
    }
    const bool would_block = !socket.receive(batch, dont_wait);
    const std::size_t taken = allocations.so_far();
    CHECK(good);
    CHECK(would_block);
    CHECK(taken == 0);
  }
}

TEST_CASE("room for netlink that finds no memory is not made, nor a list of sockets", "[allocation][netlink]") {
  auto socket = netlink_socket::open(netlink_family::sock_diag).value();
  for (std::size_t allowed = 0;; ++allowed) {
    INFO(allowed << " allocations succeed");
    const auto [requests, batch, list] = [&] {
      const test::allocation_failure none{allowed};
      return std::tuple{netlink_requests::make(socket, 3).has_value(), netlink_batch::make(3, 8).has_value(),
                        list_unix_sockets().has_value()};
    }();
    if (requests && batch && list) break;
    REQUIRE(allowed < 10'000);
  }
}
