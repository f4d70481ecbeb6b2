// Control data and memory: the common path takes none, and having none changes nothing.
#include "support/allocation_count.hpp"
#include "support/allocation_failure.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <scm/core/control_buffer.hpp>

#include <sys/socket.h>

#include <array>
#include <system_error>
#include <utility>
#include <vector>

using scm::abi;
using scm::borrowed_fd;
using scm::control_buffer;
using scm::credentials;
using scm::test::allocation_count;
using scm::test::allocation_failure;

namespace {

constexpr std::array<std::byte, 256> label{};

// 32 descriptors and one of everything else: as much as fits without memory.
bool fill(control_buffer& buffer, std::span<const borrowed_fd> fds) {
  const std::size_t time = buffer.layout() == abi::lp64 ? 16 : 8;
  const std::span<const std::byte> bytes{label};
  return buffer.append_rights(fds) && buffer.append_credentials(credentials{1, 2, 3}) &&
         buffer.append(SOL_SOCKET, 3, bytes) && buffer.append(SOL_SOCKET, 4, bytes.first(4)) &&
         buffer.append(SOL_SOCKET, 84, bytes.first(4)) && buffer.append(SOL_SOCKET, 35, bytes.first(time));
}

}  // namespace

TEST_CASE("32 descriptors and one of everything else take no memory") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  if (sizeof(long) == 4 && layout == abi::lp64) return;  // the promise is for the machine's own layout and below
  const std::vector<borrowed_fd> fds(32, borrowed_fd{0});
  const allocation_count allocations;
  control_buffer buffer{layout};
  const bool filled = fill(buffer, fds);
  buffer.clear();
  const bool again = fill(buffer, fds);
  control_buffer moved{std::move(buffer)};
  buffer = std::move(moved);
  CHECK(allocations.so_far() == 0);
  CHECK(filled);
  CHECK(again);
  CHECK(buffer.descriptors() == 32);
}

TEST_CASE("a buffer whose memory was moved away takes none for 32 descriptors") {
  const std::vector<borrowed_fd> many(200, borrowed_fd{0});
  control_buffer buffer;
  REQUIRE(buffer.append_rights(many));
  const control_buffer moved{std::move(buffer)};
  control_buffer other;
  REQUIRE(other.append_rights(many));
  control_buffer assigned;
  assigned = std::move(other);

  const allocation_count allocations;
  const bool filled = fill(buffer, std::span{many}.first(32)) && fill(other, std::span{many}.first(32));
  CHECK(allocations.so_far() == 0);
  CHECK(filled);
}

TEST_CASE("more than fits inside takes memory") {
  const std::vector<borrowed_fd> fds(253, borrowed_fd{0});
  const allocation_count allocations;
  control_buffer buffer;
  REQUIRE(buffer.append_rights(fds));
  CHECK(allocations.so_far() > 0);
}

TEST_CASE("what room was taken for takes no more memory, and without any room is refused") {
  const std::vector<borrowed_fd> fds(253, borrowed_fd{0});
  control_buffer buffer;
  {
    const allocation_failure no_memory;
    const auto refused = buffer.reserve(4096);
    CHECK(refused.error() == std::errc::not_enough_memory);
  }
  REQUIRE(buffer.reserve(4096));
  {
    const allocation_failure no_memory;
    CHECK(buffer.append_rights(fds));
  }
  CHECK(buffer.descriptors() == 253);
  CHECK(buffer.reserve(scm::limits::control_bytes + std::size_t{1}).error() == scm::errc::over_limit);
}

TEST_CASE("without memory an append is an error and changes nothing") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const std::size_t before = GENERATE(0u, 1u, 32u, 120u);  // the last one is on the heap already
  const std::vector<borrowed_fd> fds(133, borrowed_fd{7});
  control_buffer buffer{layout};
  REQUIRE(buffer.append_rights(std::span{fds}.first(before)));
  const std::vector<std::byte> image{buffer.bytes().begin(), buffer.bytes().end()};

  const std::vector<std::byte> large(5000);
  const auto answers = [&] {
    const allocation_failure no_memory;
    return std::pair{buffer.append(1, 99, large), buffer.append(SOL_SOCKET, SCM_RIGHTS, std::as_bytes(std::span{fds}))};
  }();
  for (const auto& answer : {answers.first, answers.second}) {
    if (answer) continue;  // the smaller one may have room left
    CHECK(answer.error() == std::errc::not_enough_memory);
  }
  REQUIRE_FALSE(answers.first);
  if (!answers.second) {
    CHECK(buffer.descriptors() == before);
    CHECK(std::vector<std::byte>{buffer.bytes().begin(), buffer.bytes().end()} == image);
    REQUIRE(buffer.append_rights(fds));  // with memory, the same append succeeds
  }
  CHECK(buffer.descriptors() == before + 133);
}

TEST_CASE("every byte of memory that a buffer takes is defined") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const std::vector<std::byte> payload(700, std::byte{0x33});
  control_buffer buffer{layout};
  scm::test::control_bytes expected{layout};
  for (std::size_t size = 0; size != 700; size += 7) {
    REQUIRE(buffer.append(9, 9, std::span{payload}.first(size)));
    expected.message(9, 9, std::span{payload}.first(size)).pad();
  }
  CHECK(std::vector<std::byte>{buffer.bytes().begin(), buffer.bytes().end()} == expected.vector());
}
