// Records and memory: a channel takes it when it is made, and for what it has never seen as large before; a record
// costs none.
#include "support/allocation_count.hpp"
#include "support/allocation_failure.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"

#include <scm/frame.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace scm;

namespace {

constexpr record_bounds roomy{1 << 20, 1000, 1 << 20, 1000};

template <class Channel>
std::pair<record_channel, record_channel> pair_of() {
  auto [left, right] = Channel::pair().value();
  return {record_channel::make(std::move(left), roomy).value(), record_channel::make(std::move(right), roomy).value()};
}

// What `act` allocates the second time that it is done.
template <class Act>
std::size_t in_the_steady_state(Act act) {
  REQUIRE(act());
  const test::allocation_count allocations;
  const bool good = act();
  const std::size_t taken = allocations.so_far();
  REQUIRE(good);
  return taken;
}

}  // namespace

TEMPLATE_TEST_CASE("sending and receiving records of up to 32 descriptors allocates nothing, once it has been done",
                   "[allocation][records]", stream, seqpacket) {
  auto [left, right] = pair_of<TestType>();
  const owned_fd file = test::scratch_file();
  const std::vector<borrowed_fd> files(32, file);
  for (const std::size_t count : {0U, 1U, 32U}) {
    for (const std::size_t size : {0U, 10U, 60000U}) {
      INFO(count << " descriptors and " << size << " bytes");
      const auto some = std::span{files}.first(count);
      const std::string text(size, 'x');
      CHECK(in_the_steady_state([&, &from = left, &to = right] {
              const auto sent = from.send(text, some);
              const auto got = to.try_receive();
              return sent && got && got->bytes.size() == size && got->descriptors.size() == count;
            }) == 0);
    }
  }
}

TEMPLATE_TEST_CASE("many records in one message allocate no more than one", "[allocation][records]", stream,
                   seqpacket) {
  auto [left, right] = pair_of<TestType>();
  const owned_fd file = test::scratch_file();
  const borrowed_fd files[] = {file};
  std::vector<outgoing_record> records(1000, outgoing_record{"plain"});
  for (std::size_t i = 0; i != 32; ++i) records[i * 30].descriptors = files;
  CHECK(in_the_steady_state([&, &from = left, &to = right] {
          bool good = from.send_many(records).value_or(0) == records.size();
          for (std::size_t i = 0; i != records.size(); ++i) good = good && to.try_receive();
          return good;
        }) == 0);
}

TEMPLATE_TEST_CASE("a queue allocates nothing for what it has held before", "[allocation][records]", stream,
                   seqpacket) {
  auto [left, right] = pair_of<TestType>();
  CHECK(in_the_steady_state([&from = left, &to = right] {
          bool good = true;
          for (int i = 0; i != 32; ++i) good = good && from.queue("some bytes", test::scratch_file());
          good = good && from.flush();
          for (int i = 0; i != 32; ++i) good = good && to.try_receive();
          return good;
        }) == 0);
}

TEMPLATE_TEST_CASE("a message of 253 descriptors allocates nothing either", "[allocation][records]", stream,
                   seqpacket) {
  auto [left, right] = pair_of<TestType>();
  const owned_fd file = test::scratch_file();
  const std::vector<borrowed_fd> files(253, file);
  CHECK(in_the_steady_state([&, &from = left, &to = right] {
          const auto sent = from.send("many", files);
          const auto got = to.try_receive();
          return sent && got && got->descriptors.size() == 253;
        }) == 0);
}

TEMPLATE_TEST_CASE("without memory for a record in pieces nothing of it is lost", "[allocation][records]", stream,
                   seqpacket) {
  auto [left, right] = pair_of<TestType>();
  const owned_fd file = test::scratch_file();
  const std::string text(100000, 'x');
  REQUIRE(left.send(text, {file}));
  for (std::size_t allowed = 0;; ++allowed) {
    const auto got = [&to = right, allowed] {
      const test::allocation_failure none{allowed};
      return to.try_receive();
    }();
    if (got) {
      CHECK(got->bytes.size() == text.size());
      CHECK(got->descriptors.size() == 1);
      CHECK(allowed >= 1);
      break;
    }
    CHECK(got.error() == std::errc::not_enough_memory);
    REQUIRE(allowed < 20);
  }
}
