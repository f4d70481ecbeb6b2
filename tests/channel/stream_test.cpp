// Streams: where descriptors sit among bytes, and sends that the kernel takes in parts.
#include "support/beside.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"

#include <scm/channel.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using test::scratch_file;

namespace {
std::pair<stream, stream> pair() { return stream::pair().value(); }

// Reads `size` bytes and counts the descriptors that came with them; SIZE_MAX when it cannot.
std::size_t drain(stream& from, std::size_t size, std::string* bytes = nullptr) {
  std::vector<char> buffer(1 << 16);
  std::size_t descriptors = 0;
  while (size != 0) {
    const auto got = from.receive(buffer, 253);
    if (!got) return SIZE_MAX;
    descriptors += got->descriptors.size();
    if (bytes != nullptr) bytes->append(buffer.data(), got->size);
    size -= got->size;
  }
  return descriptors;
}
}  // namespace

TEST_CASE("a large non-blocking send is taken in part, its descriptor once", "[stream]") {
  auto [left, right] = pair();
  const owned_fd file = scratch_file();
  const std::vector<char> large(4 << 20, 'x');
  const auto sent = left.try_send(large, {file});
  REQUIRE(sent);
  CHECK(*sent < large.size());
  CHECK(left.try_send(large, {file}).error().code == std::errc::resource_unavailable_try_again);
  CHECK(drain(right, *sent) == 1);
}

TEST_CASE("send_all sends every byte and each descriptor exactly once", "[stream]") {
  auto [left, right] = pair();
  const owned_fd a = scratch_file();
  const owned_fd b = scratch_file();
  std::string large(3 << 20, 'x');
  for (std::size_t i = 0; i != large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
  const std::array<const_buffer, 4> parts{std::string_view{large}.substr(0, 5), "",
                                          std::string_view{large}.substr(5, 2 << 20),
                                          std::string_view{large}.substr(5 + (2 << 20))};
  test::beside sender{[&] { return left.send_all(parts, {a, b}).has_value(); }};
  std::string received;
  CHECK(drain(right, large.size(), &received) == 2);
  CHECK(sender.succeeded());
  CHECK((received == large));
}

TEST_CASE("send_all takes more buffers than one system call does, and sends descriptors with the first alone",
          "[stream]") {
  auto [left, right] = pair();
  const owned_fd file = scratch_file();
  const std::vector<const_buffer> many(3000, const_buffer{"abc"});
  REQUIRE(left.send_all(many, {file}));
  CHECK(left.send(many).error().code == std::errc::message_size);
  std::string received;
  CHECK(drain(right, 9000, &received) == 1);
  CHECK(received.size() == 9000);
}

TEST_CASE("send_all of nothing does nothing", "[stream]") {
  auto [left, right] = pair();
  CHECK(left.send_all(""));
  CHECK(left.send_all(const_buffers{}));
  CHECK(left.send_all({"", ""}));
}

TEST_CASE("a send_all that runs into its deadline tells where to go on and that the descriptors are gone", "[stream]") {
  auto [left, right] = pair();
  const owned_fd file = scratch_file();
  const std::string large(4 << 20, 'x');
  const auto sent = left.send_all(large, {file}, {.until = in(20ms)});
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == std::errc::timed_out);
  CHECK(sent.error().descriptors_sent == 1);
  REQUIRE(sent.error().bytes_sent > 0);
  REQUIRE(sent.error().bytes_sent < large.size());

  test::beside reader{[&right, size = large.size()] { return drain(right, size) == 1; }};
  CHECK(left.send_all(std::string_view{large}.substr(sent.error().bytes_sent)));
  CHECK(reader.succeeded());
}

TEST_CASE("a peer that vanishes in the middle of send_all is an error that counts what went", "[stream]") {
  auto [left, right] = pair();
  const owned_fd file = scratch_file();
  const std::string large(4 << 20, 'x');
  test::beside closer{[end = std::move(right)]() mutable {
    std::array<std::byte, 1> buffer;
    const bool came = end.receive(buffer, 1).has_value();
    const stream closed{std::move(end)};
    return came;
  }};
  const auto sent = left.send_all(large, {file});
  CHECK(closer.succeeded());
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == std::errc::broken_pipe);
  CHECK(sent.error().descriptors_sent == 1);
}

TEST_CASE("a short receive gets the descriptors with the first byte of their send", "[stream]") {
  auto [left, right] = pair();
  const owned_fd file = scratch_file();
  REQUIRE(left.send("abc", {file}));
  std::array<std::byte, 1> one;
  CHECK(right.receive(one, 1)->descriptors.size() == 1);
  CHECK(right.receive(one, 1)->descriptors.empty());
  CHECK(right.receive(one, 0)->size == 1);
}

TEST_CASE("a send whose peer is gone is EPIPE and raises no signal", "[stream]") {
  for (const bool partial : {false, true}) {
    auto [left, right] = pair();
    {
      const stream closed{std::move(right)};
    }
    CHECK((partial ? left.try_send("x").error().code : left.send("x").error().code) == std::errc::broken_pipe);
  }
}

TEST_CASE("a sender killed in the middle of a message leaves the receiver with what it has, then end of file",
          "[stream]") {
  auto [left, right] = pair();
  test::child sender{[&left, &right] {
    {
      const stream unused{std::move(right)};
    }
    const std::string large(8 << 20, 'x');
    const owned_fd file = scratch_file();
    return left.send_all(large, {file}).has_value();
  }};
  {
    const stream unused{std::move(left)};
  }
  std::vector<char> buffer(4096);
  const auto first = right.receive(buffer, 1);
  REQUIRE(first);
  CHECK(first->descriptors.size() == 1);
  sender.kill();
  for (;;) {
    const auto got = right.receive(buffer, 1, {.until = in(5s)});
    if (got) continue;
    CHECK(got.error().code == errc::end_of_file);
    break;
  }
}
