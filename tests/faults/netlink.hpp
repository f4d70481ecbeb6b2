// Scenarios of netlink: sockets of it, requests, answers, and the list of Unix sockets.
#pragma once

#include "support/scenario.hpp"

#include <scm/netlink.hpp>

#include <linux/rtnetlink.h>

#include <span>
#include <vector>

namespace scm::test {

// What an older kernel lacks is told, and no failure; what may not be forced is asked for.
inline std::vector<exception_for> of_netlink_options() {
  const auto lacking = [](int option) {
    return exception_for{.then = unmoved, .which = sys::call::setsockopt, .word = option, .number = ENOPROTOOPT};
  };
  return {
      lacking(NETLINK_EXT_ACK),
      lacking(NETLINK_GET_STRICT_CHK),
      {.then = unmoved, .which = sys::call::setsockopt, .word = SO_RCVBUFFORCE},
      // All others are the system's own.
      {.then = answers({ENOPROTOOPT, std::system_category()}), .which = sys::call::setsockopt, .number = ENOPROTOOPT},
      {.then = answers({EOPNOTSUPP, std::system_category()}), .which = sys::call::setsockopt, .number = EOPNOTSUPP}};
}

inline std::error_code links_of(netlink_socket& socket, netlink_batch& batch, deadline until) {
  const ifinfomsg all{};
  const auto sequence = socket.request(RTM_GETLINK, NLM_F_DUMP, std::as_bytes(std::span{&all, 1}), until);
  if (!sequence) return sequence.error();
  netlink_reply reply{socket, batch, *sequence, until};
  int links = 0;
  for (;; ++links) {
    const auto message = reply.next();
    if (!message) return message.error();
    if (!*message) break;
  }
  return links == 0 ? make_error_code(errc::malformed) : std::error_code{};
}

inline std::vector<scenario> scenarios_of_netlink() {
  std::vector<scenario> all;
  all.push_back({.name = "a netlink socket is opened",
                 .run =
                     [](const ordeal& run) {
                       return run([] {
                         return code_of(netlink_socket::open(netlink_family::route, {.receive_buffer = 1 << 16}));
                       });
                     },
                 .exceptions = of_netlink_options()});
  all.push_back({.name = "a netlink socket is opened where no buffer may be forced",
                 .run =
                     [](const ordeal& run) {
                       return run([] {
                         return code_of(netlink_socket::open(
                             netlink_family::route,
                             {.receive_buffer = 1 << 16, .extended_acks = false, .strict_checking = false}));
                       });
                     },
                 .exceptions = of_netlink_options(),
                 .stumble = {{sys::call::setsockopt, EPERM}}});
  all.push_back(
      {.name = "a netlink socket is opened in a network namespace",
       .run =
           [](const ordeal& run) {
             // The own one, in which no fault can leave the thread astray.
             return run([] {
               return code_of(
                   netlink_socket::open_in("/proc/self/ns/net", netlink_family::uevent, {.credentials = true}));
             });
           },
       .exceptions =
           [] {
             auto exceptions = of_netlink_options();
             exceptions.push_back({.then = answers(errc::wrong_namespace), .which = sys::call::setns, .occurrence = 3});
             return exceptions;
           }()});
  all.push_back({.name = "groups are joined and left",
                 .run =
                     [](const ordeal& run) {
                       auto socket = netlink_socket::open(netlink_family::route).value();
                       return run([&]() -> std::error_code {
                         if (const auto done = socket.join(RTNLGRP_LINK); !done) return done.error();
                         return code_of(socket.leave(RTNLGRP_LINK));
                       });
                     },
                 .exceptions = of_netlink_options()});
  for (const waits how : {waits::forever, waits::until_deadline, waits::never}) {
    all.push_back({.name = "a netlink request is answered",
                   .run =
                       [how](const ordeal& run) {
                         auto socket = netlink_socket::open(netlink_family::route).value();
                         auto batch = netlink_batch::make(2, limits::netlink_datagram_bytes).value();
                         return run([&] { return links_of(socket, batch, deadline_of(how)); });
                       },
                   .wait = how,
                   .exceptions = {{.then = cannot_be, .which = sys::call::sendmsg, .number = ETOOMANYREFS}}});
  }
  for (const waits how : {waits::forever, waits::until_deadline, waits::never}) {
    all.push_back({.name = "netlink requests are sent together",
                   .run =
                       [how](const ordeal& run) {
                         auto socket = netlink_socket::open(netlink_family::route).value();
                         auto requests = netlink_requests::make(socket, 3).value();
                         const ifinfomsg loopback{0, 0, 0, 1, 0, 0};
                         for (int i = 0; i != 3; ++i) {
                           requests.add(RTM_GETLINK, 0, std::as_bytes(std::span{&loopback, 1})).value();
                         }
                         return run([&] { return code_of(requests.send(deadline_of(how))); });
                       },
                   .wait = how,
                   .exceptions = {{.then = cannot_be, .which = sys::call::sendmmsg, .number = ETOOMANYREFS}}});
  }
  all.push_back({.name = "all Unix sockets are listed",
                 .run =
                     [](const ordeal& run) {
                       const auto pair = stream::pair().value();
                       return run([]() -> std::error_code {
                         const auto list = list_unix_sockets();
                         if (!list) return list.error();
                         return list->sockets.size() < 2 ? make_error_code(errc::malformed) : std::error_code{};
                       });
                     },
                 .exceptions = of_netlink_options()});
  return all;
}

}  // namespace scm::test
