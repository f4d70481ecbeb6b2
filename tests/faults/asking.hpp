// Scenarios: options that are set, and questions about sockets, peers and descriptors.
#pragma once

#include "faults/use.hpp"
#include "support/kinds.hpp"

#include <scm/inspect.hpp>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scm::test {

template <class Channel>
scenario setting(receive_item item, bool on) {
  static constexpr const char* names[] = {"credentials", "pidfd", "label", "timestamp", "queued_bytes"};
  scenario made{name_of_type<Channel>() + " set " + names[static_cast<int>(item)] + (on ? " on" : " off"),
                [=](const ordeal& under) {
                  auto [left, right] = Channel::pair().value();
                  const auto code = under([&right, item, on] { return code_of(right.set(item, on)); });
                  check_exchange(left, right);
                  return code;
                }};
  // Whether there are labels at all: every answer but "no such option" means that there are.
  made.exceptions = {{usual, sys::call::getsockopt, uapi::so_peersec, ENOPROTOOPT},
                     {answers({}), sys::call::getsockopt, uapi::so_peersec}};
  return made;
}

inline scenario refusing_descriptors() {
  return {"refusing descriptors", [](const ordeal& under) {
            auto [left, right] = seqpacket::pair().value();
            const auto code = under([&right] { return code_of(right.accept_descriptors(false)); });
            (void)right.accept_descriptors(true);
            check_exchange(left, right);
            return code;
          }};
}

inline scenario sizing_buffers() {
  return {"sizing both buffers", [](const ordeal& under) {
            auto [left, right] = stream::pair().value();
            const auto code = under([&left]() -> std::error_code {
              if (const auto e = code_of(left.set_send_buffer(1 << 16))) return e;
              return code_of(left.set_receive_buffer(1 << 16));
            });
            check_exchange(left, right);
            return code;
          }};
}

template <class Channel>
scenario shutting_down() {
  return {name_of_type<Channel>() + " shutdown_send", [](const ordeal& under) {
            auto [left, right] = Channel::pair().value();
            const auto code = under([&left] { return code_of(left.shutdown_send()); });
            if (code) {
              check_exchange(left, right);
            } else {
              CHECK(left.try_send("x").error() == std::errc::broken_pipe);
              if (!std::same_as<Channel, datagram>) {
                CHECK(right.try_receive(room(), 1).error() == errc::end_of_file);
              }
            }
            check_exchange(right, left);
            return code;
          }};
}

inline scenario asking_for_names() {
  return {"both addresses", [](const ordeal& under) {
            auto receiver = datagram::bind(address::autobind()).value();
            auto sender = datagram::connect(receiver.local_address().value()).value();
            const auto code = under([&]() -> std::error_code {
              if (const auto e = code_of(receiver.local_address())) return e;
              return code_of(sender.peer_address());
            });
            check_exchange(sender, receiver);
            return code;
          }};
}

inline scenario asking_for_the_peer() {
  scenario made{"the peer, in every part", [](const ordeal& under) {
                  auto [left, right] = seqpacket::pair().value();
                  const auto code = under([&left]() -> std::error_code {
                    const peer_identity peer = left.peer();
                    if (const auto e = code_of(peer.process.value)) return e;
                    if (const auto e = code_of(peer.pidfd.value)) return e;
                    if (const auto e = code_of(peer.groups.value)) return e;
                    return code_of(peer.label.value);
                  });
                  check_exchange(left, right);
                  return code;
                }};
  return made;
}

inline scenario duplicating() {
  return {"duplicate", [](const ordeal& under) {
            const owned_fd file = something();
            std::optional<owned_fd> copy;
            const auto code = under([&] { return keep(copy, duplicate(file)); });
            CHECK(copy.has_value() == !code);
            return code;
          }};
}

inline scenario describing(std::shared_ptr<const example> one) {
  scenario made{"describing a " + one->kind, [one](const ordeal& under) {
                  const description honest = describe(one->fd).value();
                  std::optional<description> what;
                  const auto code = under([&] { return keep(what, describe(one->fd)); });
                  if (what) {  // what could not be learnt is missing, not wrong
                    CHECK(what->identity == honest.identity);
                    CHECK(what->access == honest.access);
                    CHECK(what->flags == honest.flags);
                    if (honest.kind != descriptor_kind::memfd) {  // which is told from a file by its seals alone
                      CHECK((what->path.empty() || what->path == honest.path));
                    }
                  }
                  return code;
                }};
  made.exceptions = {
      {unmoved, sys::call::fcntl, F_GET_SEALS}, {usual, sys::call::fcntl}, {usual, sys::call::statx}, {unmoved}};
  return made;
}

inline std::vector<scenario> scenarios_of_asking() {
  using enum receive_item;
  std::vector<scenario> all;
  for (const bool on : {true, false}) {
    for (const receive_item item : {credentials, pidfd, label, timestamp}) all.push_back(setting<seqpacket>(item, on));
    all.push_back(setting<datagram>(timestamp, on));
    all.push_back(setting<stream>(queued_bytes, on));
  }
  all.push_back(refusing_descriptors());
  all.push_back(sizing_buffers());
  all.insert(all.end(), {shutting_down<stream>(), shutting_down<datagram>(), shutting_down<seqpacket>()});
  all.push_back(asking_for_names());
  all.push_back(asking_for_the_peer());
  all.push_back(duplicating());
  constexpr std::array<std::string_view, 10> kinds{"regular file", "directory",     "path handle",           "device",
                                                   "memfd",        "pipe, reading", "connected unix socket", "eventfd",
                                                   "epoll",        "pidfd"};
  for (example& one : one_of_each_kind()) {
    if (std::ranges::find(kinds, one.kind) == kinds.end()) continue;
    all.push_back(describing(std::make_shared<const example>(std::move(one))));
  }
  return all;
}

}  // namespace scm::test
