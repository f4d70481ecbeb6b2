// Messages and memory: none is taken for up to 32 descriptors, and where it is, it is taken before anything is
// received.
#include "support/allocation_count.hpp"
#include "support/allocation_failure.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"

#include <scm/channel.hpp>

#include <array>
#include <vector>

using namespace scm;

namespace {
std::array<std::byte, 64> buffer;
}

TEMPLATE_TEST_CASE("sending and receiving up to 32 descriptors with every item allocates nothing", "[allocation]",
                   stream, datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  for (const receive_item item : all_receive_items) (void)right.set(item, true);
  const owned_fd file = test::scratch_file();
  const std::vector<borrowed_fd> files(32, file);
  const std::array<const_buffer, 2> halves{"some", "bytes"};

  for (const std::size_t count : {0U, 1U, 16U, 32U}) {
    INFO(count << " descriptors");
    const auto some = std::span{files}.first(count);
    const test::allocation_count allocations;
    const auto sent = left.send(halves, some, {.as = credentials::own()});
    auto got = right.receive(buffer, 32);
    const auto forwarded = got ? right.send_owned("on", got->descriptors) : result<std::size_t, send_error>{0};
    auto back = left.try_receive(buffer, 32);
    const std::size_t taken = allocations.so_far();
    REQUIRE(sent);
    REQUIRE(got);
    CHECK(forwarded);
    REQUIRE(back);
    CHECK(back->descriptors.size() == count);
    CHECK(taken == 0);
  }
}

TEMPLATE_TEST_CASE("errors allocate nothing", "[allocation]", stream, datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  const owned_fd file = test::scratch_file();
  const std::vector<borrowed_fd> many(254, file);
  REQUIRE(left.send("x", {file, file}));
  const test::allocation_count allocations;
  const bool would_block = left.try_receive(buffer, 1).has_value();
  const bool over = right.receive(buffer, 1).has_value();
  const bool too_many = left.send("x", many).has_value();
  const std::size_t taken = allocations.so_far();
  CHECK_FALSE(would_block);
  CHECK_FALSE(over);
  CHECK_FALSE(too_many);
  CHECK(taken == 0);
}

TEMPLATE_TEST_CASE("without memory nothing is received, and the message is still there afterwards", "[allocation]",
                   stream, datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  const owned_fd file = test::scratch_file();
  REQUIRE(left.send("x", std::vector<borrowed_fd>(253, file)));
  for (std::size_t allowed = 0;; ++allowed) {
    INFO(allowed << " allocations succeed");
    const auto got = [&] {
      const test::allocation_failure none{allowed};
      return right.receive(buffer, 253);
    }();
    if (got) {
      CHECK(got->descriptors.size() == 253);
      CHECK(allowed >= 1);
      break;
    }
    CHECK(got.error() == std::errc::not_enough_memory);
    REQUIRE(allowed < 10);
  }
}

TEST_CASE("a send without memory for its control data sends nothing", "[allocation]") {
  auto [left, right] = seqpacket::pair().value();
  const owned_fd file = test::scratch_file();
  const std::vector<borrowed_fd> many(253, file);
  const auto sent = [&] {
    const test::allocation_failure none;
    return left.send("x", many);
  }();
  REQUIRE_FALSE(sent);
  CHECK(sent.error() == std::errc::not_enough_memory);
  CHECK(right.try_receive(buffer, 253).error() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("without memory for a peer's groups, these alone are an error", "[allocation]") {
  test::child member{[] {
    const gid_t groups[] = {1234, 77};
    if (::geteuid() == 0 && ::setgroups(2, groups) != 0) return false;
    const auto ends = seqpacket::pair().value();
    const std::size_t count = ends.first.peer().groups.value.value().size();
    const test::allocation_failure none;
    const peer_identity peer = ends.first.peer();
    return peer.process.value == credentials::own() &&
           (count == 0 || peer.groups.value.error() == std::errc::not_enough_memory);
  }};
  CHECK(member.succeeded());
}
