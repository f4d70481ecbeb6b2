#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <scm/foreign/layout.hpp>

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>
#include <limits>

using namespace scm;
using test::both_layouts;
using test::control_bytes;

namespace {
constexpr auto last32 = std::uint64_t{std::numeric_limits<std::uint32_t>::max()};
}

TEST_CASE("a header of this process's own is decoded and encoded as the compiler lays it out", "[foreign]") {
  std::array<std::byte, 8> name{}, control{};
  iovec buffers[3];
  msghdr own{};
  own.msg_name = name.data();
  own.msg_namelen = 5;
  own.msg_iov = buffers;
  own.msg_iovlen = 3;
  own.msg_control = control.data();
  own.msg_controllen = 7;
  own.msg_flags = MSG_CMSG_CLOEXEC;
  const auto bytes = std::as_bytes(std::span{&own, 1});

  const auto number = [](const void* address) { return std::uint64_t{reinterpret_cast<std::uintptr_t>(address)}; };
  const foreign_header wanted{.name = number(name.data()),
                              .name_size = 5,
                              .buffers = number(buffers),
                              .buffer_count = 3,
                              .control = number(control.data()),
                              .control_size = 7,
                              .flags = MSG_CMSG_CLOEXEC};
  CHECK(decode_header(bytes, abi::native) == wanted);
  std::array<std::byte, sizeof(msghdr)> again;
  REQUIRE(encode_header(wanted, abi::native, again));
  CHECK(std::memcmp(again.data(), &own, sizeof own) == 0);

  buffers[0] = {name.data(), name.size()};
  CHECK(decode_buffer(std::as_bytes(std::span{buffers}), abi::native) ==
        foreign_buffer{number(name.data()), name.size()});
}

TEST_CASE("the 32-bit layout has 28 bytes of header, and half as many for a buffer", "[foreign]") {
  control_bytes header{abi::ilp32};
  for (const std::uint32_t field : {0x10U, 0xffffffffU, 0x20U, 3U, 0x30U, 0x80000000U, 0x40000000U}) {
    header.integer(field);
  }
  REQUIRE(header.size() == message_layout_of(abi::ilp32).header);
  CHECK(decode_header(header, abi::ilp32) == foreign_header{.name = 0x10,
                                                            .name_size = -1,
                                                            .buffers = 0x20,
                                                            .buffer_count = 3,
                                                            .control = 0x30,
                                                            .control_size = 0x80000000,
                                                            .flags = 0x40000000});
  control_bytes buffer{abi::ilp32};
  buffer.integer(0xffffffffU).integer(0x80000000U);
  CHECK(decode_buffer(buffer, abi::ilp32) == foreign_buffer{0xffffffff, 0x80000000});
}

TEST_CASE("what does not fit into 32 bits is not encoded, and nothing is written", "[foreign]") {
  std::array<std::byte, 56> bytes{};
  foreign_header header{};
  for (std::uint64_t foreign_header::* field :
       {&foreign_header::name, &foreign_header::buffers, &foreign_header::buffer_count, &foreign_header::control,
        &foreign_header::control_size}) {
    foreign_header large{};
    large.*field = last32 + 1;
    header.*field = last32;
    CHECK(encode_header(large, abi::ilp32, bytes).error() == errc::over_limit);
    CHECK(bytes == std::array<std::byte, 56>{});
    CHECK(encode_header(large, abi::lp64, bytes));
    CHECK(decode_header(bytes, abi::lp64) == large);
    bytes = {};
  }
  REQUIRE(encode_header(header, abi::ilp32, bytes));
  CHECK(decode_header(bytes, abi::ilp32) == header);

  std::array<std::byte, 16> room{};
  CHECK(encode_buffer({last32 + 1, 0}, abi::ilp32, room).error() == errc::over_limit);
  CHECK(encode_buffer({0, last32 + 1}, abi::ilp32, room).error() == errc::over_limit);
  CHECK(room == std::array<std::byte, 16>{});
  REQUIRE(encode_buffer({1, last32 + 1}, abi::lp64, room));
  CHECK(decode_buffer(room, abi::lp64) == foreign_buffer{1, last32 + 1});

  room = {};
  CHECK(encode_time({std::int64_t{1} << 31, 0}, time_layout::ilp32, room).error() == errc::over_limit);
  CHECK(encode_time({0, -1}, time_layout::time64, room).error() == errc::over_limit);
  CHECK(room == std::array<std::byte, 16>{});
}

TEST_CASE("times come back as they were, in every layout that can hold them", "[foreign]") {
  for (const foreign_time time : {foreign_time{0, 0}, foreign_time{5, 999'999'999}, foreign_time{INT32_MAX, 1}}) {
    for (const time_layout layout : {time_layout::lp64, time_layout::ilp32, time_layout::time64}) {
      std::array<std::byte, 16> bytes{};
      REQUIRE(encode_time(time, layout, std::span{bytes}.first(time_size(layout))));
      CHECK(decode_time(std::span{bytes}.first(time_size(layout)), layout) == time);
    }
  }
  control_bytes negative{abi::ilp32};
  negative.integer(std::int32_t{-1}).integer(std::int32_t{-2});
  CHECK(decode_time(negative, time_layout::ilp32) == foreign_time{-1, -2});
}

TEST_CASE("a time to wait that nanoseconds cannot hold is the longest that they can", "[foreign]") {
  using namespace std::chrono_literals;
  CHECK(as_timeout({1, 5}) == 1s + 5ns);
  CHECK(as_timeout({0, 0}) == 0ns);
  CHECK(as_timeout({INT64_MAX, 999'999'999}) == std::chrono::nanoseconds::max());
  CHECK(as_timeout({INT64_MAX / 1'000'000'000, 999'999'999}) == std::chrono::nanoseconds::max());
  CHECK(as_timeout({INT64_MAX / 1'000'000'000 - 1, 999'999'999}) ==
        std::chrono::seconds{INT64_MAX / 1'000'000'000 - 1} + 999'999'999ns);
}
