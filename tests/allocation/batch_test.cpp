// Batches and memory: all of it is taken when they are made.
#include "support/allocation_count.hpp"
#include "support/allocation_failure.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"

#include <scm/batch.hpp>

#include <vector>

using namespace scm;

TEMPLATE_TEST_CASE("once they are made, batches allocate nothing", "[allocation][batch]", datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  for (const receive_item item : all_receive_items) (void)right.set(item, true);
  const owned_fd file = test::scratch_file();
  for (const std::size_t descriptors : {1U, 32U, 253U}) {
    INFO(descriptors << " descriptors each");
    const std::vector<borrowed_fd> files(descriptors, file);
    auto out = send_batch::make(4, descriptors, 2).value();
    auto in = receive_batch::make(4, 8, descriptors).value();
    const test::allocation_count allocations;
    bool good = true;
    for (int round = 0; round != 3; ++round) {
      for (int i = 0; i != 3; ++i) good = good && out.add({"ab", "cd"}, files, {.as = credentials::own()});
      good = good && out.add("too long for it", files);
      good = good && out.send(left).value_or(0) == 4 && in.receive(right).value_or(0) == 4 && in[3].loss;
      for (std::size_t i = 0; i != 3; ++i) good = good && in[i].content.descriptors.size() == descriptors;
    }
    const bool would_block = !in.try_receive(right);
    const std::size_t taken = allocations.so_far();
    CHECK(good);
    CHECK(would_block);
    CHECK(taken == 0);
  }
}

TEST_CASE("a batch that finds no memory is not made", "[allocation][batch]") {
  for (std::size_t allowed = 0;; ++allowed) {
    INFO(allowed << " allocations succeed");
    const auto [out, in] = [&] {
      const test::allocation_failure none{allowed};
      return std::pair{send_batch::make(3, 200).has_value(), receive_batch::make(3, 8, 200).has_value()};
    }();
    if (out && in) break;
    REQUIRE(allowed < 50);
  }
}

TEST_CASE("where the memory of a message was moved away and there is no other, nothing is received",
          "[allocation][batch]") {
  auto [left, right] = seqpacket::pair().value();
  const owned_fd file = test::scratch_file();
  const std::vector<borrowed_fd> many(200, file);
  auto batch = receive_batch::make(3, 8, 200).value();
  for (int i = 0; i != 2; ++i) REQUIRE(left.send("x", many));
  REQUIRE(batch.receive(right).value() == 2);
  const message kept = std::move(batch[1].content);
  for (int i = 0; i != 2; ++i) REQUIRE(left.send("x", many));
  for (std::size_t allowed = 0; allowed != 2; ++allowed) {  // for its control data and for its descriptors
    const auto got = [&, &end = right] {
      const test::allocation_failure none{allowed};
      return batch.receive(end);
    }();
    CHECK(got.error() == std::errc::not_enough_memory);
  }
  REQUIRE(batch.receive(right).value() == 2);
  for (const received& one : batch) CHECK(one.content.descriptors.size() == 200);
}
