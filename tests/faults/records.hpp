// Scenarios: records, alone, packed, queued and in pieces.
#pragma once

#include "faults/use.hpp"

#include <scm/frame.hpp>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace scm::test {

inline constexpr record_bounds record_room{1 << 20, 1000, 1 << 20, 1000};

// A quarter of the send buffer may be in use where poll(2) still says that there is room: enough for a whole packet, as
// nobody receives in between.
template <class Channel>
std::pair<record_channel, record_channel> record_pair() {
  auto [left, right] = Channel::pair().value();
  REQUIRE(left.set_send_buffer(1 << 20));
  return {record_channel::make(std::move(left), record_room).value(),
          record_channel::make(std::move(right), record_room).value()};
}

// All that comes, once all that waits is sent.
struct arrived_records {
  std::size_t whole = 0;
  std::size_t abandoned = 0;
  std::size_t bytes = 0;  // of those that are whole
  std::size_t descriptors = 0;

  arrived_records(record_channel& from, record_channel& to) {
    for (;;) {
      const bool flushed = from.flush(dont_wait).has_value();
      const auto got = to.try_receive();
      if (got) {
        ++whole;
        bytes += got->bytes.size();
        descriptors += got->descriptors.size();
      } else if (got.error() == errc::abandoned) {
        ++abandoned;
      } else {
        REQUIRE(got.error() == std::errc::resource_unavailable_try_again);
        if (flushed) return;
      }
    }
  }
};

inline void check_record_exchange(record_channel& from, record_channel& to) {
  const owned_fd file = something();
  CHECK(from.send("works", {file}, dont_wait));
  const auto got = to.try_receive();
  REQUIRE(got);
  CHECK(got->bytes.size() == 5);
  CHECK(got->descriptors.size() == 1);
}

// A record whose send reported an error never arrives; another one arrives once.
inline void check_sent(record_channel& from, record_channel& to, bool sent, std::size_t bytes,
                       std::size_t descriptors) {
  const arrived_records came{from, to};
  CHECK(came.whole == (sent ? 1 : 0));
  CHECK(came.abandoned <= (sent ? 0 : 1));
  CHECK(came.bytes == (sent ? bytes : 0));
  CHECK(came.descriptors == (sent ? descriptors : 0));
  CHECK(from.waiting().bytes == 0);
  CHECK(from.waiting().descriptors == 0);
  check_record_exchange(from, to);
  check_record_exchange(to, from);
}

inline scenario making_records() {
  return {"seqpacket records made of a channel", [](const ordeal& under) {
            auto [left, right] = seqpacket::pair().value();
            std::optional<record_channel> made;
            const auto code = under([&] { return keep(made, record_channel::make(std::move(left), record_room)); });
            CHECK(made.has_value() == !code);
            if (!made) {
              check_exchange(left, right);  // on error still the caller's
            } else {
              auto other = record_channel::make(std::move(right), record_room).value();
              check_record_exchange(*made, other);
            }
            return code;
          }};
}

template <class Channel>
scenario sending_a_record(std::size_t count, std::size_t bytes, waits how, std::optional<int> stumble = {}) {
  scenario made{name_of_type<Channel>() + " send of a record of " + std::to_string(bytes) + " bytes and " +
                    std::to_string(count) + " descriptors " + name_of(how) + (stumble ? ", the second time" : ""),
                {},
                how};
  made.run = [count, bytes, how](const ordeal& under) {
    auto [left, right] = record_pair<Channel>();
    const owned_fd file = something();
    const std::vector<borrowed_fd> files(count, file);
    const std::string text(bytes, 'x');
    const auto code = under([&] { return code_of(left.send(text, files, deadline_of(how))); });
    check_sent(left, right, !code, bytes, count);
    return code;
  };
  // Where only bytes are left of a record in pieces, they can wait.
  if (how == waits::never && count <= limits::descriptors_per_message) {
    made.exceptions.push_back({unmoved, sys::call::sendmsg, {}, EAGAIN, 2});
  }
  if (stumble) made.stumble = {sys::call::sendmsg, *stumble};
  return made;
}

// The kernel has the descriptors and the first bytes of it: whatever is wrong then is for the next call to tell.
inline scenario sending_a_record_into_little_room(std::size_t count) {
  scenario made{"stream send of a record that is taken in part, with " + std::to_string(count) + " descriptors",
                [count](const ordeal& under) {
                  auto [one, other] = stream::pair().value();
                  REQUIRE(one.set_send_buffer(1));
                  auto left = record_channel::make(std::move(one), record_room).value();
                  auto right = record_channel::make(std::move(other), record_room).value();
                  const owned_fd file = something();
                  const std::vector<borrowed_fd> files(count, file);
                  const std::string text(60000, 'x');
                  const auto code = under([&] { return code_of(left.send(text, files, dont_wait)); });
                  CHECK((left.waiting().bytes != 0) == !code);
                  CHECK(left.waiting().descriptors == 0);
                  check_sent(left, right, !code, 60000, count);
                  return code;
                },
                waits::never};
  made.exceptions.push_back({unmoved, sys::call::sendmsg, {}, {}, 2});
  return made;
}

template <class Channel>
scenario sending_many_records(waits how) {
  scenario made{name_of_type<Channel>() + " send_many of records for two messages " + name_of(how), {}, how};
  made.run = [how](const ordeal& under) {
    auto [left, right] = record_pair<Channel>();
    const owned_fd file = something();
    const borrowed_fd files[] = {file};
    const std::string large(30000, 'x');
    const std::vector<outgoing_record> records(4, outgoing_record{large, files});
    std::size_t sent = 0;
    const auto code = under([&] {
      const auto got = left.send_many(records, deadline_of(how));
      sent = got.value_or(0);
      return code_of(got);
    });
    CHECK((sent == 0) == static_cast<bool>(code));
    CHECK(sent % 2 == 0);  // two to a message
    const arrived_records came{left, right};
    CHECK(came.whole == sent);
    CHECK(came.descriptors == sent);
    CHECK(came.abandoned == 0);
    check_record_exchange(left, right);
    return code;
  };
  // What was sent is the answer; the error is for the next call to tell.
  made.exceptions.push_back({unmoved, sys::call::sendmsg, {}, {}, 2});
  return made;
}

template <class Channel>
scenario queuing_records(waits how) {
  scenario made{name_of_type<Channel>() + " queue and flush of records " + name_of(how), {}, how};
  made.run = [how](const ordeal& under) {
    auto [left, right] = record_pair<Channel>();
    descriptor_list list;
    while (list.size() != 3) REQUIRE(list.adopt(something()));
    owned_fd single = something();
    std::size_t queued = 0;
    const auto code = under([&]() -> std::error_code {
      if (const auto e = code_of(left.queue("hello", std::move(list)))) return e;
      ++queued;
      if (const auto e = code_of(left.queue("", std::move(single)))) return e;
      ++queued;
      if (const auto e = code_of(left.queue("plain"))) return e;
      ++queued;
      return code_of(left.flush(deadline_of(how)));
    });
    CHECK(list.size() == (queued < 1 ? 3 : 0));  // on error still the caller's
    CHECK(static_cast<bool>(single) == (queued < 2));
    const std::size_t descriptors = queued == 0 ? 0 : queued == 1 ? 3 : 4;
    CHECK(left.waiting().descriptors == (code ? descriptors : 0));  // what was not sent goes on waiting
    const arrived_records came{left, right};
    CHECK(came.whole == queued);
    CHECK(came.descriptors == descriptors);
    check_record_exchange(left, right);
    return code;
  };
  return made;
}

// The third record finds the message of the first two full, and has it sent. Where that fails, both wait.
template <class Channel>
scenario queuing_full_messages() {
  scenario made{name_of_type<Channel>() + " queue of records for two messages", [](const ordeal& under) {
                  auto [left, right] = record_pair<Channel>();
                  const std::string large(30000, 'x');
                  std::array<owned_fd, 3> files{something(), something(), something()};
                  std::size_t queued = 0;
                  const auto code = under([&]() -> std::error_code {
                    for (owned_fd& file : files) {
                      if (const auto e = code_of(left.queue(large, std::move(file)))) return e;
                      ++queued;
                    }
                    return {};
                  });
                  const arrived_records came{left, right};
                  CHECK(came.whole == queued);
                  CHECK(came.descriptors == queued);
                  check_record_exchange(left, right);
                  return code;
                }};
  made.exceptions.push_back({unmoved, sys::call::sendmsg});
  return made;
}

template <class Channel>
scenario receiving_records(waits how, std::optional<int> stumble = {}) {
  scenario made{name_of_type<Channel>() + " receive of records, packed and in pieces, " + name_of(how) +
                    (stumble ? ", the second time" : ""),
                {},
                how};
  made.run = [how](const ordeal& under) {
    auto [left, right] = record_pair<Channel>();
    const owned_fd file = something();
    const borrowed_fd few[] = {file, file, file};
    const std::string large(100000, 'x');
    const std::vector<outgoing_record> packed{{"one", few}, {"none"}, {"", few}};
    REQUIRE(left.send_many(packed).value() == 3);
    REQUIRE(left.send(large, few));  // in pieces
    REQUIRE(left.send("last"));
    std::size_t came = 0;
    std::size_t bytes = 0;
    std::size_t descriptors = 0;
    const auto code = under([&]() -> std::error_code {
      while (came != 5) {
        const auto got = right.receive({.until = deadline_of(how)});
        if (!got) return got.error();
        ++came;
        bytes += got->bytes.size();
        descriptors += got->descriptors.size();
      }
      return {};
    });
    const arrived_records rest{left, right};  // an error of the system costs no record
    CHECK(came + rest.whole == 5);
    CHECK(bytes + rest.bytes == 3 + 4 + 100000 + 4);
    CHECK(descriptors + rest.descriptors == 9);
    CHECK(rest.abandoned == 0);
    check_record_exchange(left, right);
    return code;
  };
  if (stumble) made.stumble = {sys::call::recvmsg, *stumble};
  return made;
}

template <class Channel>
scenario shutting_records_down() {
  return {name_of_type<Channel>() + " shutdown_send of records", [](const ordeal& under) {
            auto [left, right] = record_pair<Channel>();
            REQUIRE(left.queue("last", something()));
            const auto code = under([&] { return code_of(left.shutdown_send()); });
            const arrived_records came = [&] {
              if (code) return arrived_records{left, right};
              REQUIRE(right.try_receive());
              CHECK(right.try_receive().error() == errc::end_of_file);
              return arrived_records{right, left};
            }();
            CHECK(came.whole == (code ? 1 : 0));
            check_record_exchange(right, left);
            return code;
          }};
}

template <class Channel>
void add_records(std::vector<scenario>& all) {
  for (const waits how : {waits::forever, waits::until_deadline, waits::never}) {
    for (const std::size_t count : {0U, 3U, 40U, 300U}) all.push_back(sending_a_record<Channel>(count, 5, how));
    all.push_back(sending_a_record<Channel>(3, 100000, how));
    all.push_back(sending_many_records<Channel>(how));
    all.push_back(queuing_records<Channel>(how));
    all.push_back(receiving_records<Channel>(how));
  }
  all.push_back(sending_a_record<Channel>(3, 100000, waits::forever, EAGAIN));
  all.push_back(sending_a_record<Channel>(3, 100000, waits::until_deadline, ETOOMANYREFS));
  all.push_back(receiving_records<Channel>(waits::until_deadline, EAGAIN));
  all.push_back(queuing_full_messages<Channel>());
  all.push_back(shutting_records_down<Channel>());
}

inline std::vector<scenario> scenarios_of_records() {
  std::vector<scenario> all{making_records(), sending_a_record_into_little_room(0),
                            sending_a_record_into_little_room(3)};
  add_records<stream>(all);
  add_records<seqpacket>(all);
  return all;
}

}  // namespace scm::test
