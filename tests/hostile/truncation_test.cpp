// Cuts of every kind, in every combination with what else comes in the control data: a message that fits is never cut,
// and of one that is cut nothing stays open.
#include "hostile/scene.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

using namespace scm;
using test::lowest_free;

namespace {

constexpr std::array all_items{receive_item::credentials, receive_item::pidfd, receive_item::timestamp,
                               receive_item::queued_bytes, receive_item::label};

struct combination {
  std::vector<receive_item> on;
  bool contains(receive_item item) const { return std::ranges::find(on, item) != on.end(); }
};

// Every set of the items that this kernel has for this kind of socket.
template <class Channel>
std::vector<combination> combinations() {
  auto [unused, probe] = Channel::pair().value();
  std::vector<receive_item> known;
  for (const receive_item item : all_items) {
    if (probe.set(item, true)) known.push_back(item);
  }
  std::vector<combination> all(std::size_t{1} << known.size());
  for (std::size_t set = 0; set != all.size(); ++set) {
    for (std::size_t i = 0; i != known.size(); ++i) {
      if ((set >> i & 1U) != 0) all[set].on.push_back(known[i]);
    }
  }
  return all;
}

template <class Channel>
std::pair<Channel, Channel> pair_with(const combination& items) {
  auto ends = Channel::pair().value();
  for (const receive_item item : items.on) (void)ends.second.set(item, true).value();
  return ends;
}

// Whether everything that was asked for came with the message.
bool complete(const message& got, const combination& items, std::size_t descriptors) {
  return got.descriptors.size() == descriptors && !got.descriptors_lost && !got.payload_cut && got.surplus == 0 &&
         got.sender.has_value() == items.contains(receive_item::credentials) &&
         static_cast<bool>(got.sender_pidfd) == items.contains(receive_item::pidfd) &&
         got.queued_at.has_value() == items.contains(receive_item::timestamp) &&
         got.queued_bytes.has_value() == items.contains(receive_item::queued_bytes);
}

}  // namespace

TEMPLATE_TEST_CASE("with every combination of items, each number of descriptors that fits arrives with all of them",
                   "[truncation]", stream, datagram, seqpacket) {
  std::array<std::byte, 1> room;
  test::witness watched;
  {
    const owned_fd file = watched.give();
    const std::vector<borrowed_fd> many(253, file);
    for (const combination& items : combinations<TestType>()) {
      auto [left, right] = pair_with<TestType>(items);
      const int free = lowest_free();
      for (std::size_t count = 0; count <= 253; ++count) {
        REQUIRE(left.send("x", std::span{many}.first(count)));
        const auto got = right.receive(room, count);
        if (!got || !complete(*got, items, count)) FAIL(count << " descriptors, " << items.on.size() << " items on");
      }
      CHECK(lowest_free() == free);
    }
  }
  CHECK(watched.closed());
}

TEMPLATE_TEST_CASE("with every combination of items, 1 to 253 descriptors for a receiver of 0 to 3 leave nothing open",
                   "[truncation]", stream, datagram, seqpacket) {
  std::array<std::byte, 1> room;
  test::witness watched;
  {
    const owned_fd file = watched.give();
    const std::vector<borrowed_fd> many(253, file);
    for (const combination& items : combinations<TestType>()) {
      std::optional<std::pair<TestType, TestType>> ends;
      for (std::size_t max = 0; max <= 3; ++max) {
        for (std::size_t count = 1; count <= 253; ++count) {
          if (!ends) ends = pair_with<TestType>(items);
          const int free = lowest_free();
          REQUIRE(ends->first.send("x", std::span{many}.first(count)));
          bool right = false;
          {
            const auto got = ends->second.receive(room, max);
            right = count <= max ? got && complete(*got, items, count)
                                 : !got && got.error() == errc::over_limit && got.error().installed > max;
          }
          if (!right || (count > max && lowest_free() != free)) {
            FAIL(count << " descriptors, " << max << " allowed, " << items.on.size() << " items on");
          }
          // After a loss a stream is another one.
          if (std::same_as<TestType, stream> && count > max) ends.reset();
        }
      }
    }
  }
  CHECK(watched.closed());
}

TEMPLATE_TEST_CASE("with every combination of items, cuts of payload, control data and both are told and leave nothing",
                   "[truncation]", stream, datagram, seqpacket) {
  constexpr bool whole_messages = !std::same_as<TestType, stream>;
  std::array<std::byte, 4> room;
  test::witness watched;
  {
    const owned_fd file = watched.give();
    const std::vector<borrowed_fd> many(253, file);
    for (const combination& items : combinations<TestType>()) {
      const bool pidfd = items.contains(receive_item::pidfd);
      for (const std::size_t max : {0U, 1U, 2U, 3U, 253U}) {
        for (const std::size_t count : {0U, 1U, 2U, 3U, 4U, 253U}) {
          for (int free = 0; free <= 5; ++free) {
            for (const bool long_payload : {false, true}) {
              auto [left, right] = pair_with<TestType>(items);
              REQUIRE(left.send(long_payload ? "12345" : "1234", std::span{many}.first(count)));
              const int lowest = lowest_free();

              // The kernel installs what finds a number, in order, descriptors before the pidfd; the receiver offers
              // room for one more than the maximum, so that what is over it is seen, if there is a number for it.
              const auto slots = static_cast<std::size_t>(free);
              const bool surplus = std::min(count, slots) > max;
              const bool lost = count > slots;
              const bool refused = pidfd && count == slots;
              const bool cut = whole_messages && long_payload;
              const std::error_code expected = surplus   ? make_error_code(errc::over_limit)
                                               : lost    ? make_error_code(errc::descriptors_lost)
                                               : refused ? make_error_code(errc::refused)
                                               : cut     ? make_error_code(errc::payload_cut)
                                                         : std::error_code{};
              std::error_code code;
              bool all = false;
              {
                const auto got = [&, &from = right] {
                  const test::descriptor_limit few{test::descriptor_limit::leaving_free(free)};
                  return from.receive(room, max);
                }();
                all = got && complete(*got, items, count);
                if (!got) code = got.error().code;
              }
              if (code != expected || all != !expected || lowest_free() != lowest) {
                FAIL(count << " descriptors, " << max << " allowed, " << free << " numbers free, " << items.on.size()
                           << " items on, payload " << (long_payload ? "too long" : "fits") << ": " << code.message()
                           << " instead of " << expected.message());
              }
            }
          }
        }
      }
    }
  }
  CHECK(watched.closed());
}
