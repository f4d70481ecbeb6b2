// Scenarios: batches out and in.
#pragma once

#include "faults/use.hpp"

#include <scm/batch.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace scm::test {

// So many messages of so many descriptors have arrived, and no other.
template <class Channel>
void check_batch_arrived(Channel& at, std::size_t messages, std::size_t descriptors) {
  for (std::size_t i = 0; i != messages; ++i) {
    const auto got = at.try_receive(room(), descriptors);
    REQUIRE(got);
    CHECK(got->size == 5);
    CHECK(got->descriptors.size() == descriptors);
  }
  check_silence(at);
}

template <class Channel>
scenario sending_batch(std::size_t descriptors, waits how, std::optional<int> stumble = {}) {
  scenario made{name_of_type<Channel>() + " send of a batch, " + std::to_string(descriptors) + " descriptors each, " +
                    name_of(how) + (stumble ? ", the second time after " + std::to_string(*stumble) : ""),
                {},
                how};
  made.run = [descriptors, how](const ordeal& under) {
    auto [left, right] = Channel::pair().value();
    const owned_fd file = something();
    const std::vector<borrowed_fd> files(descriptors, file);
    std::optional<send_batch> batch;
    std::size_t taken = 0;
    const auto code = under([&]() -> std::error_code {
      if (const auto e = keep(batch, send_batch::make(4, descriptors))) return e;
      for (int i = 0; i != 3; ++i) {
        if (const auto e = code_of(batch->add("hello", files))) return e;
      }
      const auto sent = batch->send(left, deadline_of(how));
      taken = sent.value_or(0);
      return code_of(sent);
    });
    CHECK(taken == (code ? 0 : 3));
    if (batch) CHECK(batch->size() == (code ? 3 : 0));  // on error everything is still to be sent
    check_batch_arrived(right, taken, descriptors);
    check_exchange(left, right);
    return code;
  };
  if (stumble) made.stumble = {sys::call::sendmmsg, *stumble};
  return made;
}

template <class Channel>
scenario receiving_batch(std::size_t descriptors, waits how, std::optional<std::size_t> reserve = {},
                         bool items = false, std::optional<int> stumble = {}) {
  scenario made{name_of_type<Channel>() + " receive of a batch, " + std::to_string(descriptors) +
                    " descriptors each, " + name_of(how) + (reserve ? ", with a reserve" : "") +
                    (items ? ", with every item" : "") + (stumble ? ", the second time" : ""),
                {},
                how};
  made.run = [=](const ordeal& under) {
    auto [left, right] = Channel::pair().value();
    if (items) {
      for (const receive_item item : all_receive_items) (void)right.set(item, true);
    }
    const owned_fd file = something();
    for (int i = 0; i != 3; ++i) REQUIRE(left.send("hello", std::vector<borrowed_fd>(descriptors, file)));
    std::optional<receive_batch> batch;
    bool whole = false;
    const auto code = under([&]() -> std::error_code {
      if (const auto e = keep(batch, receive_batch::make(4, 8, descriptors))) return e;
      const auto got = batch->receive(right, {.until = deadline_of(how), .reserve = reserve});
      if (got) {
        whole = *got == 3;
        for (const received& one : *batch) {
          whole = whole && !one.loss && one.bytes.size() == 5 && one.content.descriptors.size() == descriptors &&
                  one.content.sender.has_value() == items;
        }
        batch->clear();
      }
      return code_of(got);
    });
    CHECK(whole == !code);
    if (batch) CHECK(batch->empty());
    check_batch_arrived(right, code ? 3 : 0, descriptors);  // an error of the system costs no message
    check_exchange(left, right);
    return code;
  };
  if (stumble) {
    made.stumble = {sys::call::recvmmsg, *stumble};
    // Whether the socket was shut down is not insisted on, which only datagrams ask.
    if (std::same_as<Channel, datagram>) made.exceptions.push_back({unmoved, sys::call::poll, {}, {}, 1});
  }
  if (reserve) {
    // The size of /proc/self/fd is a short cut.
    made.exceptions.push_back({unmoved, sys::call::fcntl});
    made.exceptions.push_back({cannot_be, sys::call::lstat});  // without it, messages are received one by one
  }
  return made;
}

template <class Channel>
void add_batches(std::vector<scenario>& all) {
  for (const waits how : {waits::forever, waits::until_deadline, waits::never}) {
    for (const std::size_t descriptors : {0U, 1U, 40U}) {
      all.push_back(sending_batch<Channel>(descriptors, how));
      all.push_back(receiving_batch<Channel>(descriptors, how));
    }
    all.push_back(receiving_batch<Channel>(3, how, 8, true));
  }
  all.push_back(receiving_batch<Channel>(253, waits::forever));
  all.push_back(receiving_batch<Channel>(3, waits::forever, {}, true));
  all.push_back(receiving_batch<Channel>(3, waits::until_deadline, {}, false, EAGAIN));
  all.push_back(sending_batch<Channel>(3, waits::forever, EAGAIN));
  all.push_back(sending_batch<Channel>(3, waits::until_deadline, ETOOMANYREFS));
}

inline std::vector<scenario> scenarios_of_batches() {
  std::vector<scenario> all;
  add_batches<datagram>(all);
  add_batches<seqpacket>(all);
  return all;
}

}  // namespace scm::test
