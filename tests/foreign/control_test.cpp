#include "support/bytes.hpp"
#include "support/catch.hpp"

#include "core/uapi.hpp"

#include <scm/foreign/control.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

using namespace scm;
using test::both_layouts;
using test::control_bytes;

namespace {

void put_all(control_placer& into, const control_bytes& from) {
  control_view walk{from, from.layout()};
  while (const auto item = walk.next()) REQUIRE(into.put(*item));
  REQUIRE(!walk.error());
}

}  // namespace

TEST_CASE("control data that goes from 64 bits to 32 and back is what it was", "[foreign]") {
  for (std::size_t size = 0; size != 20; ++size) {
    const std::vector<std::byte> payload(size, std::byte{7});
    control_bytes wide{abi::lp64};
    wide.message(99, 1, payload).pad().message(SOL_SOCKET, SCM_RIGHTS, {1, 2, 3}).pad();
    const auto narrow = convert_sent_control(wide, abi::lp64, abi::ilp32);
    REQUIRE(narrow);
    control_bytes wanted{abi::ilp32};
    wanted.message(99, 1, payload).pad().message(SOL_SOCKET, SCM_RIGHTS, {1, 2, 3}).pad();
    CHECK(std::ranges::equal(narrow->bytes(), wanted.view()));
    const auto again = convert_sent_control(narrow->bytes(), abi::ilp32, abi::lp64);
    REQUIRE(again);
    CHECK(std::ranges::equal(again->bytes(), wide.view()));
  }
}

TEST_CASE("nothing to send is right in both layouts, and what is left over is not for 32 bits", "[foreign]") {
  for (const abi layout : both_layouts) {
    CHECK(check_sent_control({}, layout));
    CHECK(convert_sent_control({}, layout)->empty());
    control_bytes bytes{layout};
    bytes.message(99, 7, {1}).pad();
    CHECK(check_sent_control(bytes, layout));
    bytes.fill(1);
    CHECK(check_sent_control(bytes, layout).has_value() == (layout == abi::lp64));
    CHECK(convert_sent_control(bytes, layout).has_value() == (layout == abi::lp64));
  }
}

TEST_CASE("more descriptors than a message carries are EINVAL, as in the kernel", "[foreign]") {
  const std::vector<std::byte> many(254 * 4);
  for (const abi layout : both_layouts) {
    control_bytes bytes{layout};
    bytes.message(SOL_SOCKET, SCM_RIGHTS, many);
    const auto converted = convert_sent_control(bytes, layout);
    REQUIRE(!converted);
    CHECK(converted.error() == std::errc::invalid_argument);
  }
}

TEST_CASE("times change their size with the layout, both ways, and no other payload does", "[foreign]") {
  control_bytes wide{abi::lp64}, narrow{abi::ilp32};
  wide.header(32, SOL_SOCKET, uapi::scm_timestampns).integer(std::int64_t{5}).integer(std::int64_t{6});
  narrow.header(20, SOL_SOCKET, uapi::scm_timestampns).integer(std::int32_t{5}).integer(std::int32_t{6});
  wide.header(64, SOL_SOCKET, uapi::so_timestamping);
  narrow.header(36, SOL_SOCKET, uapi::so_timestamping);
  for (int i = 0; i != 6; ++i) {
    wide.integer(std::int64_t{i});
    narrow.integer(std::int32_t{i});
  }
  // Of another level, of another size (what a sender of such a message says), of a type that has 64 bits everywhere.
  wide.header(32, 99, uapi::scm_timestampns).integer(std::int64_t{5}).integer(std::int64_t{6});
  narrow.header(28, 99, uapi::scm_timestampns).integer(std::int64_t{5}).integer(std::int64_t{6});
  wide.message(SOL_SOCKET, uapi::so_timestamping, {3}).pad();
  narrow.message(SOL_SOCKET, uapi::so_timestamping, {3});
  wide.header(32, SOL_SOCKET, uapi::scm_timestampns_new).integer(std::int64_t{5}).integer(std::int64_t{6});
  narrow.header(28, SOL_SOCKET, uapi::scm_timestampns_new).integer(std::int64_t{5}).integer(std::int64_t{6});

  control_placer to_narrow{abi::ilp32, 4096}, to_wide{abi::lp64, 4096}, as_it_is{abi::lp64, 4096};
  put_all(to_narrow, wide);
  put_all(to_wide, narrow);
  put_all(as_it_is, wide);
  CHECK(std::ranges::equal(to_narrow.bytes(), narrow.view()));
  CHECK(std::ranges::equal(to_wide.bytes(), wide.view()));
  CHECK(std::ranges::equal(as_it_is.bytes(), wide.view()));
  CHECK_FALSE(to_narrow.cut());
}

TEST_CASE("a time past 2038 loses its upper half for 32 bits, as in the kernel", "[foreign]") {
  control_bytes wide{abi::lp64};
  wide.header(32, SOL_SOCKET, uapi::scm_timestampns).integer((std::int64_t{1} << 32) + 5).integer(std::int64_t{6});
  control_bytes narrow{abi::ilp32};
  narrow.header(20, SOL_SOCKET, uapi::scm_timestampns).integer(std::int32_t{5}).integer(std::int32_t{6});
  control_placer placer{abi::ilp32, 100};
  put_all(placer, wide);
  CHECK(std::ranges::equal(placer.bytes(), narrow.view()));
}

TEST_CASE("room that was taken beforehand is enough for what is placed in it", "[foreign]") {
  control_placer placer{abi::lp64, 1 << 20};
  REQUIRE(placer.reserve(8192));
  const std::byte* const start = placer.bytes().data();
  control_bytes bytes{abi::lp64};
  const std::vector<std::byte> payload(8192 - 16);
  put_all(placer, bytes.message(99, 7, payload));
  CHECK(placer.bytes().data() == start);
  CHECK(placer.reserve(limits::control_bytes + std::size_t{1}).error() == errc::over_limit);
}

TEST_CASE("room beyond all bounds is as good as the largest", "[foreign]") {
  control_placer placer{abi::lp64, ~std::uint64_t{0}};
  put_all(placer, control_bytes{abi::lp64}.message(SOL_SOCKET, SCM_RIGHTS, {1}));
  CHECK(placer.bytes().size() == 24);
  CHECK_FALSE(placer.cut());
}
