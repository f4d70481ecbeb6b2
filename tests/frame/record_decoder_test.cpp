// The decoder alone: bytes and counts in, records out.
#include "frame/packets.hpp"
#include "support/catch.hpp"

#include <scm/frame.hpp>

#include <algorithm>
#include <cstring>
#include <ostream>

using namespace scm;
using test::abandoned;
using test::more;
using test::packet;

namespace {

constexpr record_bounds wide{1 << 20, 10000, 0, 0};

// What one kernel message carries.
struct sent {
  std::string bytes;
  std::size_t descriptors = 0;
};
sent of(const packet& one) { return {one.bytes(), one.sum()}; }

// Records as text, "ab/2" for two bytes with two descriptors, and how it ended.
struct outcome {
  std::vector<std::string> records{};
  std::error_code end{};
  std::uint64_t position = 0;
  friend bool operator==(const outcome&, const outcome&) = default;
  friend std::ostream& operator<<(std::ostream& to, const outcome& o) {
    for (const auto& text : o.records) to << (text.size() > 40 ? text.substr(0, 40) + "…" : text) << ' ';
    return to << "then " << o.end << " at " << o.position;
  }
};

// What a stream delivers in receives of at most `cut` bytes: descriptors come with their message's first byte, and the
// receive ends with the message then; without, it goes on with the next.
std::vector<sent> received_in(const std::vector<sent>& messages, std::size_t cut) {
  std::vector<sent> receives;
  sent now;
  for (const sent& message : messages) {
    for (std::size_t at = 0; at != message.bytes.size();) {
      const std::size_t some = std::min(cut - now.bytes.size(), message.bytes.size() - at);
      now.bytes += message.bytes.substr(at, some);
      if (at == 0) now.descriptors += message.descriptors;
      at += some;
      const bool stops = message.descriptors != 0 && at == message.bytes.size() && now.descriptors != 0;
      if (now.bytes.size() == cut || stops) receives.push_back(std::exchange(now, {}));
    }
  }
  if (!now.bytes.empty()) receives.push_back(now);
  return receives;
}

outcome decoded(const std::vector<sent>& receives, const record_bounds& bounds = wide,
                socket_type type = socket_type::stream) {
  auto decoder = record_decoder::make(type, bounds).value();
  outcome all;
  const auto drain = [&] {
    for (;;) {
      const auto found = decoder.next();
      if (!found && found.error() == errc::abandoned) {
        all.records.push_back("abandoned/" + std::to_string(decoder.dropped()));
        continue;
      }
      if (!found) {
        all.end = found.error().code;
        all.position = found.error().position;
        return false;
      }
      if (!*found) return true;
      const auto& one = **found;
      all.records.emplace_back(reinterpret_cast<const char*>(one.bytes.data()), one.bytes.size());
      all.records.back() += '/' + std::to_string(one.descriptors);
    }
  };
  for (const sent& one : receives) {
    const auto room = decoder.room();
    REQUIRE(room.size() >= 65536);
    std::ranges::copy(std::as_bytes(std::span{one.bytes}), room.begin());
    decoder.commit(one.bytes.size(), one.descriptors);
    if (!drain()) return all;
  }
  const auto end = decoder.end();
  all.end = end.code;
  all.position = end.position;
  return all;
}

// The same, however a stream cuts it; on seqpacket as well, when each message is a packet.
outcome in_all_cuts(const std::vector<sent>& messages, const record_bounds& bounds = wide) {
  const outcome whole = decoded(received_in(messages, 65536), bounds);
  for (const std::size_t cut : {1U, 2U, 3U, 5U, 7U, 8U, 15U, 16U, 17U, 23U, 24U, 25U, 31U, 40U, 64U, 1000U}) {
    INFO("in receives of " << cut);
    CHECK(decoded(received_in(messages, cut), bounds) == whole);
  }
  return whole;
}

outcome ends(std::vector<std::string> records, errc end, std::uint64_t position) {
  return {std::move(records), end, position};
}

}  // namespace

TEST_CASE("records come out as they went in, however the stream is cut", "[decoder]") {
  const packet two{0, {{"ab", 1}, {"c", 0}}};
  const packet empty{1, {{"", 0}, {"", 253}}};
  const packet plain{2, {{"d"}}};
  const outcome expected = ends({"ab/1", "c/0", "/0", "/253", "d/0"}, errc::end_of_file,
                                two.bytes().size() + empty.bytes().size() + plain.bytes().size());
  CHECK(in_all_cuts({of(two), of(empty), of(plain)}) == expected);
  CHECK(decoded({of(two), of(empty), of(plain)}, wide, socket_type::seqpacket) == expected);
}

TEST_CASE("the example of the document is what it says", "[decoder]") {
  const std::string example{
      "\x01\x00\x01\x00\x23\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x02\x00\x00\x00\x01\x00\x00\x00"
      "ab"
      "\x01\x00\x00\x00\x00\x00\x00\x00"
      "c",
      35};
  CHECK(packet{0, {{"ab", 1}, {"c", 0}}}.bytes() == example);
  CHECK(decoded({{example, 1}}) == ends({"ab/1", "c/0"}, errc::end_of_file, 35));
}

TEST_CASE("a record in several pieces is one record", "[decoder]") {
  const packet first{0, {{"x"}, {"ab", 2, more}}};
  const packet second{1, {{"", 253, more}}};
  const packet third{2, {{"cd", 1}, {"y", 1}}};
  CHECK(in_all_cuts({of(first), of(second), of(third)}).records == std::vector<std::string>{"x/0", "abcd/256", "y/1"});
}

TEST_CASE("a record that was given up is told, with its descriptors, and the next is not affected", "[decoder]") {
  const packet first{0, {{"ab", 2, more}}};
  const packet second{1, {{"", 0, abandoned}, {"next", 1}}};
  CHECK(in_all_cuts({of(first), of(second)}).records == std::vector<std::string>{"abandoned/2", "next/1"});
}

TEST_CASE("packets whose headers are wrong break the channel at their place, and not before", "[decoder]") {
  const packet good{0, {{"good", 1}}};
  const std::uint64_t at = good.bytes().size();
  const auto after_good = [&](const packet& bad, std::size_t descriptors, const record_bounds& bounds = wide) {
    return in_all_cuts({of(good), {bad.bytes(), descriptors}}, bounds);
  };
  const auto expected = [&](errc code) { return ends({"good/1"}, code, at); };
  const auto is_malformed = [&](const packet& bad) {
    CHECK(after_good(bad, bad.sum() > 253 ? 253 : bad.sum()) == expected(errc::malformed));
  };

  SECTION("version") {
    for (const std::uint64_t version : {0U, 2U, 255U}) {
      CHECK(after_good({.number = 1, .pieces = {{"x"}}, .version = version}, 0) == expected(errc::unknown_version));
    }
  }
  SECTION("sequence") {
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{2}, ~std::uint64_t{0}}) {
      CHECK(after_good({number, {{"x"}}}, 0) == expected(errc::out_of_sequence));
    }
  }
  SECTION("flags and reserved bytes") {
    is_malformed({.number = 1, .pieces = {{"x"}}, .flags = 1});
    is_malformed({1, {{.payload = "x", .flags = 3}}});
    is_malformed({1, {{.payload = "x", .flags = 4}}});
    is_malformed({1, {{.payload = "x", .flags = 128}}});
    is_malformed({1, {{.payload = "x", .reserved = 1}}});
  }
  SECTION("sizes") {
    for (const std::uint64_t size : {0U, 1U, 15U, 16U, 23U, 65537U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
      is_malformed({.number = 1, .pieces = {{"x"}}, .size = size});
    }
    for (const std::uint64_t size : {2U, 0x7fffffffU, 0xfffffff8U, 0xffffffffU}) {
      is_malformed({1, {{.payload = "x", .size = size}}});
    }
    is_malformed({1, {{.payload = "xyz", .size = 2}}});              // one byte is no header
    is_malformed({1, {{.payload = std::string(9, 0), .size = 2}}});  // nor are seven
  }
  SECTION("pieces") {
    is_malformed({1, {{"", 0, more}}});
    is_malformed({1, {{"a", 0, more}, {"b"}}});
    is_malformed({1, {{"", 0, abandoned}}});
    is_malformed({1, {{"a"}, {"", 0, abandoned}}});
    CHECK(in_all_cuts({of({0, {{"a", 0, more}}}), of({1, {{"b", 0, abandoned}}})}).end == errc::malformed);
    CHECK(in_all_cuts({of({0, {{"a", 0, more}}}), of({1, {{"", 1, abandoned}}})}).end == errc::malformed);
    CHECK(in_all_cuts({of({0, {{"a", 0, more}}}), of({1, {{"", 0, abandoned}, {"", 0, abandoned}}})}).end ==
          errc::malformed);
  }
  SECTION("counts") {
    CHECK(after_good({.number = 1, .pieces = {{"x", 1}}, .descriptors = 2}, 2) == expected(errc::malformed));
    CHECK(after_good({.number = 1, .pieces = {{"x", 3}}, .descriptors = 2}, 2) == expected(errc::malformed));
    CHECK(after_good({.number = 1, .pieces = {{"x"}}, .descriptors = 254}, 253) == expected(errc::malformed));
    CHECK(after_good({.number = 1, .pieces = {{"x"}}, .descriptors = 65535}, 253) == expected(errc::malformed));
    CHECK(after_good({1, {{"x", 2}}}, 1) == expected(errc::descriptors_missing));
    CHECK(after_good({1, {{"x", 2}}}, 0) == expected(errc::descriptors_missing));
    CHECK(after_good({1, {{"x", 2}}}, 3) == expected(errc::descriptors_surplus));
    CHECK(after_good({1, {{"x"}}}, 1) == expected(errc::descriptors_surplus));
  }
  SECTION("bounds") {
    const record_bounds narrow{4, 2, 0, 0};
    CHECK(after_good({1, {{"four", 2}}}, 2, narrow).end == errc::end_of_file);
    CHECK(after_good({1, {{"five!"}}}, 0, narrow) == expected(errc::over_limit));
    CHECK(after_good({1, {{"x", 3}}}, 3, narrow) == expected(errc::over_limit));
    CHECK(in_all_cuts({of({0, {{"abc", 1, more}}}), of({1, {{"de"}}})}, narrow).end == errc::over_limit);
    CHECK(in_all_cuts({of({0, {{"abc", 1, more}}}), of({1, {{"d", 2}}})}, narrow).end == errc::over_limit);
    CHECK(in_all_cuts({of({0, {{"abcd", 0, more}}}), of({1, {{"e", 0, more}}})}, narrow).end == errc::over_limit);
  }
}

TEST_CASE("descriptors that come with another packet than the one that counts them are never given to it",
          "[decoder]") {
  const packet counts{0, {{"a", 1}}};
  const packet next{1, {{"b", 1}}};
  SECTION("those of the first were dropped on the way") {
    CHECK(in_all_cuts({{counts.bytes(), 0}, of(next)}) == ends({}, errc::descriptors_missing, 0));
  }
  SECTION("those of the first came with the second") {
    CHECK(in_all_cuts({{counts.bytes(), 0}, {next.bytes(), 2}}) == ends({}, errc::descriptors_missing, 0));
  }
  SECTION("those of the second came with the first") {
    CHECK(in_all_cuts({{counts.bytes(), 2}, {next.bytes(), 0}}) == ends({}, errc::descriptors_surplus, 0));
  }
  SECTION("they came in the middle of a packet") {
    const std::string bytes = counts.bytes();
    for (std::size_t cut = 1; cut != bytes.size(); ++cut) {
      CHECK(decoded({{bytes.substr(0, cut), 0}, {bytes.substr(cut), 1}}) == ends({}, errc::descriptors_missing, 0));
      CHECK(decoded({{bytes.substr(0, cut), 1}, {bytes.substr(cut), 1}}) == ends({}, errc::descriptors_surplus, 0));
    }
  }
  SECTION("a plain packet came with some") {
    const packet plain{0, {{"a"}}};
    CHECK(in_all_cuts({{plain.bytes(), 1}, of(next)}) == ends({}, errc::descriptors_surplus, 0));
  }
}

TEST_CASE("plain packets before one with descriptors come with it, and keep apart", "[decoder]") {
  const packet one{0, {{"a"}}};
  const packet two{1, {{"b"}, {"c"}}};
  const packet three{2, {{"d", 2}}};
  CHECK(decoded({{one.bytes() + two.bytes() + three.bytes(), 2}}) == in_all_cuts({of(one), of(two), of(three)}));
}

TEST_CASE("an end within a record is told from one between two", "[decoder]") {
  const std::string bytes = packet{0, {{"ab"}}}.bytes();
  CHECK(decoded({}).end == errc::end_of_file);
  CHECK(in_all_cuts({{bytes}}).end == errc::end_of_file);
  for (std::size_t cut = 1; cut != bytes.size(); ++cut) {
    CHECK(decoded({{bytes.substr(0, cut)}}).end == errc::record_cut);
  }
  CHECK(in_all_cuts({of({0, {{"ab", 0, more}}})}).end == errc::record_cut);
}

TEST_CASE("on seqpacket a message is one packet, whole", "[decoder]") {
  const std::string bytes = packet{0, {{"ab"}}}.bytes();
  const std::string next = packet{1, {{"cd"}}}.bytes();
  const auto message = [](std::string text, std::size_t descriptors = 0) {
    return decoded({{std::move(text), descriptors}}, wide, socket_type::seqpacket).end;
  };
  CHECK(message(bytes) == errc::end_of_file);
  CHECK(message(bytes + next) == errc::malformed);
  CHECK(message(bytes + "x") == errc::malformed);
  for (std::size_t cut = 1; cut != bytes.size(); ++cut) CHECK(message(bytes.substr(0, cut)) == errc::malformed);
  CHECK(message("") == errc::malformed);
  CHECK(message("", 1) == errc::descriptors_surplus);
}

TEST_CASE("the largest packets follow each other without a gap, in the room that there is", "[decoder]") {
  std::vector<sent> messages;
  std::vector<std::string> expected;
  for (std::uint64_t i = 0; i != 5; ++i) {
    messages.push_back(of({i, {{std::string(65536 - 24, static_cast<char>('a' + i)), i}}}));
    expected.push_back(std::string(65536 - 24, static_cast<char>('a' + i)) + '/' + std::to_string(i));
  }
  for (const std::size_t cut : {1000U, 36544U, 65535U, 65536U}) {
    CHECK(decoded(received_in(messages, cut)).records == expected);
  }
}

TEST_CASE("datagrams have no order to rely on", "[decoder]") {
  CHECK(record_decoder::make(socket_type::datagram, wide).error() == std::errc::invalid_argument);
}
