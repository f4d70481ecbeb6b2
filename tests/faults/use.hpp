// What the scenarios share: names, honest exchanges, and what this kernel offers.
#pragma once

#include "support/catch.hpp"
#include "support/scenario.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>

#include <sys/eventfd.h>

#include <array>
#include <concepts>
#include <string>
#include <vector>

namespace scm::test {

template <class Channel>
std::string name_of_type() {
  if constexpr (std::same_as<Channel, stream>) return "stream";
  if constexpr (std::same_as<Channel, datagram>) return "datagram";
  return "seqpacket";
}
inline std::string name_of(waits how) {
  return how == waits::forever ? "for ever" : how == waits::never ? "without waiting" : "until a deadline";
}

// The same each time: making and removing a folder takes longer than all the rest of a run.
inline const temporary_folder& empty_folder() {
  static const temporary_folder instance;
  instance.clear();
  return instance;
}

inline owned_fd something() { return owned_fd{::eventfd(0, EFD_CLOEXEC)}; }

inline std::array<std::byte, 64>& room() {
  static std::array<std::byte, 64> instance;
  return instance;
}

// An honest message with a descriptor arrives: the channel is usable.
template <class From, class To>
void check_exchange(From& from, To& to) {
  const owned_fd file = something();
  const auto sent = from.try_send("works", {file});
  CHECK(sent.value_or(0) == 5);
  const auto got = to.try_receive(room(), 1);
  REQUIRE(got);
  CHECK(got->size == 5);
  CHECK(got->descriptors.size() == 1);
}

// Nothing has arrived: what was not sent was not sent in part.
template <class Channel>
void check_silence(Channel& at) {
  CHECK(at.try_receive(room(), 253).error() == std::errc::resource_unavailable_try_again);
}

// The items that this kernel and this type of socket have.
template <class Channel>
receive_items available_items() {
  receive_items items;
  auto [one, other] = Channel::pair().value();
  for (const receive_item item : all_receive_items) {
    if (one.set(item, true)) items.insert(item);
  }
  return items;
}

// Adopting asks what kind of socket it is, and then what its last user has enabled: what this kernel lacks is off.
inline void add_adoption(std::vector<exception_for>& rules) {
  for (const int word : {SO_DOMAIN, SO_TYPE, SO_ACCEPTCONN}) {
    rules.push_back({answers(errc::wrong_descriptor), sys::call::getsockopt, word, ENOTSOCK});
    rules.push_back({usual, sys::call::getsockopt, word});
  }
  for (const int number : {ENOPROTOOPT, EOPNOTSUPP}) rules.push_back({unmoved, sys::call::getsockopt, {}, number});
}

}  // namespace scm::test
