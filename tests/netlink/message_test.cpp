// Netlink messages, attributes and acknowledgements taken apart: whole ones, cut ones, and hostile ones.
#include "netlink/built.hpp"
#include "support/catch.hpp"

#include <scm/netlink.hpp>

#include <cerrno>
#include <string>
#include <vector>

using namespace scm;
using namespace scm::test;
using fault = parse_error::fault;

namespace {

std::vector<netlink_message> all_of(std::span<const std::byte> bytes, std::optional<parse_error>& error) {
  std::vector<netlink_message> out;
  netlink_walk walk{bytes};
  while (const auto message = walk.next()) out.push_back(*message);
  CHECK_FALSE(walk.next());
  error = walk.error();
  return out;
}

netlink_acknowledgement decoded(const built& payload, std::uint16_t type, std::uint16_t flags) {
  const auto said = decode_acknowledgement({type, flags, 0, 0, payload.bytes, 0});
  REQUIRE(said);
  return *said;
}

}  // namespace

TEST_CASE("the messages of a datagram come out one by one, without their padding", "[netlink]") {
  built datagram;
  datagram.message(16, NLM_F_MULTI, 7, 99, built{}.bytes_of("abcde").bytes);
  datagram.message(NLMSG_DONE, NLM_F_MULTI, 7, 99, built{}.number<std::int32_t>(0).bytes);
  std::optional<parse_error> error;
  const auto all = all_of(datagram.bytes, error);
  CHECK_FALSE(error);
  REQUIRE(all.size() == 2);
  CHECK(all[0].type == 16);
  CHECK(all[0].flags == NLM_F_MULTI);
  CHECK(all[0].sequence == 7);
  CHECK(all[0].port == 99);
  CHECK(all[0].payload.size() == 5);
  CHECK(all[0].payload[4] == std::byte{'e'});
  CHECK(all[0].offset == 0);
  CHECK(all[1].type == NLMSG_DONE);
  CHECK(all[1].offset == 24);
}

TEST_CASE("the last message needs no padding, and what is too short for a header is padding", "[netlink]") {
  built datagram;
  datagram.message(16, 0, 1, 0, built{}.bytes_of("abcde").bytes);
  std::optional<parse_error> error;
  for (std::size_t extra = 0; extra != 16; ++extra) {
    auto bytes = datagram.bytes;
    bytes.resize(21 + extra);
    CHECK(all_of(bytes, error).size() == 1);
    CHECK_FALSE(error);
  }
}

TEST_CASE("a length below the header or past the end stops the walk at that message", "[netlink]") {
  for (const std::uint32_t length : {0U, 15U, 17U, 1U << 31, ~0U, ~0U - 3}) {
    built datagram;
    datagram.message(1, 0, 0, 0, {});
    datagram.header(length, 2, 0, 0, 0);
    std::optional<parse_error> error;
    CHECK(all_of(datagram.bytes, error).size() == 1);
    REQUIRE(error);
    CHECK(*error == parse_error{length < 16 ? fault::length_below_header : fault::length_past_end, 16});
    CHECK(error->code() == errc::malformed);
  }
}

TEST_CASE("attributes come out one by one, with their flags apart from the type", "[netlink]") {
  built payload;
  payload.number<std::uint32_t>(5);  // the fixed part
  payload.attribute(1 | NLA_F_NESTED, built{}.attribute(2, built{}.bytes_of("x").bytes).bytes);
  payload.attribute(3 | NLA_F_NET_BYTEORDER, built{}.number<std::uint16_t>(0x0102).bytes);
  netlink_attribute_walk walk{payload.bytes, 4};
  const auto nest = walk.next();
  REQUIRE(nest);
  CHECK(nest->type == 1);
  CHECK(nest->nested);
  CHECK_FALSE(nest->number<std::uint16_t>());
  netlink_attribute_walk inner{nest->payload};
  const auto text = inner.next();
  REQUIRE(text);
  CHECK(text->type == 2);
  CHECK(text->text() == "x");
  CHECK_FALSE(inner.next());
  const auto number = walk.next();
  REQUIRE(number);
  CHECK(number->type == 3);
  CHECK(number->big_endian);
  CHECK(number->number<std::uint16_t>() == 0x0102);
  CHECK_FALSE(walk.next());
  CHECK_FALSE(walk.error());
}

TEST_CASE("an attribute with a length below its header or past the end stops the walk", "[netlink]") {
  for (const auto length : std::initializer_list<std::uint16_t>{0, 3, 9, 65535}) {
    const auto bytes = built{}.attribute(1, {}).number(length).number<std::uint16_t>(2).number(0).bytes;
    netlink_attribute_walk walk{bytes};
    CHECK(walk.next());
    CHECK_FALSE(walk.next());
    CHECK(walk.error() == parse_error{length < 4 ? fault::length_below_header : fault::length_past_end, 4});
    CHECK_FALSE(walk.next());
  }
}

TEST_CASE("a payload without all of its fixed part has no attributes", "[netlink]") {
  const auto bytes = built{}.number<std::uint32_t>(0).bytes;
  netlink_attribute_walk walk{bytes, 5};
  CHECK_FALSE(walk.next());
  CHECK(walk.error() == parse_error{fault::payload_size, 0});
  netlink_attribute_walk none{bytes, 4};
  CHECK_FALSE(none.next());
  CHECK_FALSE(none.error());
}

TEST_CASE("a text ends at its first NUL or with its attribute", "[netlink]") {
  const auto text_of = [](std::string_view bytes) {
    const auto made = built{}.attribute(1, built{}.bytes_of(bytes).bytes).bytes;
    netlink_attribute_walk walk{made};
    return std::string{walk.next()->text()};
  };
  CHECK(text_of("lo\0rest") == "lo");
  CHECK(text_of("lo") == "lo");
  CHECK(text_of("").empty());
}

TEST_CASE("an acknowledgement says the error and the kernel's words about it", "[netlink]") {
  built payload;
  payload.number<std::int32_t>(-EINVAL).header(16, 18, 0, 1, 0);
  payload.attribute(NLMSGERR_ATTR_MSG, built{}.bytes_of("no \x1b[31mway").number<char>(0).bytes);
  payload.attribute(NLMSGERR_ATTR_OFFS, built{}.number<std::uint32_t>(20).bytes);
  payload.attribute(NLMSGERR_ATTR_MISS_TYPE, built{}.number<std::uint32_t>(3).bytes);
  payload.attribute(NLMSGERR_ATTR_MISS_NEST, built{}.number<std::uint32_t>(24).bytes);
  payload.attribute(NLMSGERR_ATTR_COOKIE, built{}.bytes_of("biscuit").bytes);
  const auto said = decoded(payload, NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS);
  CHECK(said.error == EINVAL);
  CHECK(said.text == "no \x1b[31mway");
  CHECK(said.offset == 20U);
  CHECK(said.missing == 3U);
  CHECK(said.nested_at == 24U);
  CHECK(said.cookie.size() == 7);
  const netlink_error error{said};
  CHECK(error.code() == std::errc::invalid_argument);
  CHECK(error.text() ==
        "no \\x1b[31mway (byte 20 of the request) (attribute 3 is missing) (inside the one at byte 24)");
}

TEST_CASE("the words stand behind the request that an acknowledgement repeats", "[netlink]") {
  built payload;
  payload.number<std::int32_t>(-EPERM).message(18, 0, 1, 0, built{}.bytes_of("abcde").bytes);
  payload.attribute(NLMSGERR_ATTR_MSG, built{}.bytes_of("why").bytes);
  // The header says its own length, without padding.
  CHECK(decoded(payload, NLMSG_ERROR, NLM_F_ACK_TLVS).text == "why");
}

TEST_CASE("the end of a dump has an error, a success, or nothing in it", "[netlink]") {
  CHECK(decoded(built{}, NLMSG_DONE, 0).error == 0);
  CHECK(decoded(built{}.number<std::int32_t>(0), NLMSG_DONE, 0).error == 0);
  CHECK(decoded(built{}.number<std::int32_t>(12), NLMSG_DONE, 0).error == 0);
  built failed;
  failed.number<std::int32_t>(-ENOENT).attribute(NLMSGERR_ATTR_MSG, built{}.bytes_of("gone").bytes);
  CHECK(decoded(failed, NLMSG_DONE, NLM_F_ACK_TLVS).error == ENOENT);
  CHECK(decoded(failed, NLMSG_DONE, NLM_F_ACK_TLVS).text == "gone");
}

TEST_CASE("an acknowledgement that breaks the rules is malformed", "[netlink]") {
  const auto fault_of = [](const built& payload, std::uint16_t type, std::uint16_t flags) {
    const auto said = decode_acknowledgement({type, flags, 0, 0, payload.bytes, 48});
    REQUIRE_FALSE(said);
    CHECK(said.error().offset == 48);
    return said.error().what;
  };
  CHECK(fault_of(built{}, NLMSG_ERROR, 0) == fault::payload_size);
  CHECK(fault_of(built{}.number<std::int32_t>(0), NLMSG_NOOP, 0) == fault::payload_size);
  CHECK(fault_of(built{}.number<std::int32_t>(1), NLMSG_ERROR, 0) == fault::payload_value);
  CHECK(fault_of(built{}.number<std::int32_t>(-4096), NLMSG_ERROR, 0) == fault::payload_value);
  CHECK(fault_of(built{}.number<std::int32_t>(INT32_MIN), NLMSG_DONE, 0) == fault::payload_value);
  CHECK(fault_of(built{}.number<std::int32_t>(-1), NLMSG_ERROR, NLM_F_ACK_TLVS) == fault::payload_size);
  for (const std::uint32_t length : {15U, 17U, ~0U}) {
    CHECK(fault_of(built{}.number<std::int32_t>(-1).header(length, 0, 0, 0, 0), NLMSG_ERROR, NLM_F_ACK_TLVS) ==
          fault::length_past_end);
  }
  built cut;
  cut.number<std::int32_t>(-1).number<std::uint16_t>(5).number<std::uint16_t>(1);
  CHECK(fault_of(cut, NLMSG_DONE, NLM_F_ACK_TLVS) == fault::length_past_end);
}

TEST_CASE("the words of a hostile acknowledgement are cut, never overrun", "[netlink]") {
  netlink_acknowledgement said;
  said.error = EIO;
  const std::string words(1000, '\x01');
  said.text = words;
  said.offset = said.missing = said.nested_at = ~0U;
  const netlink_error error{said};
  CHECK(error.text().size() <= limits::netlink_error_text_bytes);
  CHECK(error.text().starts_with("\\x01\\x01"));
}
