// Decoders of control messages: each with payloads of right and wrong sizes and values, in both layouts.
#include "core/uapi.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <scm/core/control_items.hpp>

#include <sys/socket.h>

#include <chrono>
#include <climits>
#include <string_view>

using namespace std::chrono_literals;
using scm::abi;
using scm::control_kind;
using scm::control_message;
using scm::parse_error;
using scm::test::control_bytes;
using fault = scm::parse_error::fault;

namespace {

constexpr std::size_t place = 48;  // an offset that no decoder could make up

control_message message_of(std::span<const std::byte> payload, int type = 0, abi layout = abi::native) {
  return {SOL_SOCKET, type, payload, place, layout};
}

template <class T>
void check_fault(const scm::result<T, parse_error>& answer, fault what) {
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error() == parse_error{what, place});
}

control_bytes time_of(bool wide, std::int64_t seconds, std::int64_t fraction) {
  control_bytes bytes;
  if (wide) return bytes.integer(seconds).integer(fraction);
  return bytes.integer(static_cast<std::int32_t>(seconds)).integer(static_cast<std::int32_t>(fraction));
}

}  // namespace

TEST_CASE("a kind follows from level and type alone") {
  const auto kind = [](int level, int type) { return scm::kind_of({level, type, {}, 0, abi::native}); };
  CHECK(kind(SOL_SOCKET, SCM_RIGHTS) == control_kind::rights);
  CHECK(kind(SOL_SOCKET, SCM_CREDENTIALS) == control_kind::credentials);
  CHECK(kind(SOL_SOCKET, 3) == control_kind::label);
  CHECK(kind(SOL_SOCKET, 4) == control_kind::pidfd);
  CHECK(kind(SOL_SOCKET, 84) == control_kind::queued_bytes);
  for (const int type : {29, 35, 63, 64}) CHECK(kind(SOL_SOCKET, type) == control_kind::timestamp);
  for (const int type : {0, 5, 37, 61, -1, INT_MAX, INT_MIN}) CHECK(kind(SOL_SOCKET, type) == control_kind::unknown);
  for (const int level : {0, 2, 6, 41, -1}) {
    CHECK(kind(level, SCM_RIGHTS) == control_kind::unknown);
    CHECK(kind(level, 84) == control_kind::unknown);
  }
}

TEST_CASE("rights are whole slots in order and refused ones stay negative") {
  const auto bytes = control_bytes{}.integer(7).integer(-13).integer(INT_MAX).integer(-24).integer(0);
  const auto slots = scm::as_rights(message_of(bytes));
  REQUIRE(slots.size() == 5);
  CHECK(slots[0] == 7);
  CHECK(slots[1] == -13);
  CHECK(slots[2] == INT_MAX);
  CHECK(slots[3] == -24);
  CHECK(slots[4] == 0);
}

TEST_CASE("one to three bytes after the last slot are ignored") {
  for (std::size_t size = 0; size != 13; ++size) {
    const auto bytes = control_bytes{}.fill(size, 1);
    CHECK(scm::as_rights(message_of(bytes)).size() == size / 4);
  }
}

TEST_CASE("credentials are exactly twelve bytes") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const auto bytes = control_bytes{}.integer(4321).integer(1000u).integer(0xfffffffeu);
  const auto sender = scm::as_credentials(message_of(bytes, SCM_CREDENTIALS, layout));
  REQUIRE(sender.has_value());
  CHECK(*sender == scm::credentials{4321, 1000, 0xfffffffe});
  // 0, 4 and 8 are what the kernel leaves when the room is short (B3).
  for (const std::size_t size : {0u, 4u, 8u, 11u, 13u, 16u}) {
    check_fault(scm::as_credentials(message_of(control_bytes{}.fill(size), SCM_CREDENTIALS, layout)),
                fault::payload_size);
  }
}

TEST_CASE("a pidfd is exactly four bytes and may be a negative errno") {
  for (const int number : {0, 17, INT_MAX, -24, -3}) {
    const auto pidfd = scm::as_pidfd(message_of(control_bytes{}.integer(number)));
    REQUIRE(pidfd.has_value());
    CHECK(*pidfd == number);
  }
  for (const std::size_t size : {0u, 3u, 5u, 8u}) {
    check_fault(scm::as_pidfd(message_of(control_bytes{}.fill(size))), fault::payload_size);
  }
}

TEST_CASE("a label loses one terminating NUL and nothing else") {
  using namespace std::string_view_literals;
  const auto label = [](std::string_view payload) {
    return scm::as_label(message_of(std::as_bytes(std::span{payload})));
  };
  CHECK(label("unconfined\0"sv) == "unconfined"sv);
  CHECK(label("unconfined"sv) == "unconfined"sv);
  CHECK(label("a\0b\0"sv) == "a\0b"sv);
  CHECK(label("a\0\0"sv) == "a\0"sv);
  CHECK(label("\0"sv).empty());
  CHECK(label(""sv).empty());
}

TEST_CASE("timestamps of all four types read in both layouts") {
  struct row {
    int type;
    bool micro, always_wide;
  };
  for (const row& r : {row{29, true, false}, row{35, false, false}, row{63, true, true}, row{64, false, true}}) {
    for (const abi layout : scm::test::both_layouts) {
      const bool wide = layout == abi::lp64 || r.always_wide;
      INFO("type " << r.type << (layout == abi::lp64 ? ", LP64" : ", ILP32"));
      const auto read = [&](std::int64_t seconds, std::int64_t fraction) {
        return scm::as_timestamp(message_of(time_of(wide, seconds, fraction), r.type, layout));
      };
      const std::int64_t limit = r.micro ? 1'000'000 : 1'000'000'000;

      const auto plain = read(1'700'000'000, 123'456);
      REQUIRE(plain.has_value());
      CHECK(plain->time_since_epoch() == 1'700'000'000s + (r.micro ? 123'456us : 123'456ns));
      const auto last = read(0, limit - 1);
      REQUIRE(last.has_value());
      CHECK(last->time_since_epoch() == (r.micro ? 999'999us : 999'999'999ns));
      const auto before = read(-2, 5);
      REQUIRE(before.has_value());
      CHECK(before->time_since_epoch() == -2s + (r.micro ? 5us : 5ns));

      check_fault(read(0, limit), fault::payload_value);
      check_fault(read(0, -1), fault::payload_value);

      const std::size_t size = wide ? 16 : 8;
      for (const std::size_t wrong : {std::size_t{0}, size - 1, size + 1, wide ? std::size_t{8} : std::size_t{16}}) {
        check_fault(scm::as_timestamp(message_of(control_bytes{}.fill(wrong), r.type, layout)), fault::payload_size);
      }
    }
  }
}

TEST_CASE("a time that nanoseconds cannot count is refused and never wraps") {
  const auto read = [](std::int64_t seconds, std::int64_t fraction) {
    return scm::as_timestamp(message_of(time_of(true, seconds, fraction), 64, abi::lp64));
  };
  constexpr std::int64_t last = INT64_MAX / 1'000'000'000;
  for (const std::int64_t seconds : {INT64_MAX, INT64_MIN, INT64_MIN + 1, last + 1, -last - 1}) {
    check_fault(read(seconds, 0), fault::payload_value);
    check_fault(read(seconds, 999'999'999), fault::payload_value);
  }
  const auto late = read(last - 1, 999'999'999);
  REQUIRE(late.has_value());
  CHECK(late->time_since_epoch() == std::chrono::seconds{last - 1} + 999'999'999ns);
  const auto early = read(-last + 1, 0);
  REQUIRE(early.has_value());
  CHECK(early->time_since_epoch() == std::chrono::seconds{-last + 1});
}

TEST_CASE("queued bytes are exactly four bytes and never negative") {
  for (const int count : {0, 1, INT_MAX}) {
    const auto queued = scm::as_queued_bytes(message_of(control_bytes{}.integer(count)));
    REQUIRE(queued.has_value());
    CHECK(*queued == static_cast<std::uint32_t>(count));
  }
  for (const int count : {-1, INT_MIN}) {
    check_fault(scm::as_queued_bytes(message_of(control_bytes{}.integer(count))), fault::payload_value);
  }
  for (const std::size_t size : {0u, 3u, 8u}) {
    check_fault(scm::as_queued_bytes(message_of(control_bytes{}.fill(size))), fault::payload_size);
  }
}
