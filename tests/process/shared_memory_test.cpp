// Shared memory: sealed where it is made, refused or safe where it arrives, whatever its sender does to it.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"

#include <scm/process/shared_memory.hpp>

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

using namespace scm;
using namespace scm::test;

namespace {

owned_fd memory(off_t size, int seals = 0) {
  owned_fd one = made(::memfd_create("theirs", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(one.native_handle(), size) == 0);
  if (seals != 0) REQUIRE(::fcntl(one.native_handle(), F_ADD_SEALS, seals) == 0);
  return one;
}

int error_of(int answer) { return answer < 0 ? errno : 0; }

}  // namespace

TEST_CASE("memory that is made is zeroed, writable, and of a size that nobody can change") {
  auto made_one = shared_memory::make("frame buffer", 5000).value();
  CHECK(made_one.size() == 5000);
  CHECK(std::ranges::all_of(made_one.bytes(), [](std::byte b) { return b == std::byte{}; }));
  made_one.writable()[4999] = std::byte{7};
  const description what = described(made_one.fd());
  CHECK(what.kind == descriptor_kind::memfd);
  CHECK(what.name == "frame buffer");
  CHECK(what.size == 5000);
  CHECK(what.close_on_exec);
  CHECK(what.seals.value().contains(seal_set{} | seal::shrink | seal::grow | seal::sealing));
  const int number = made_one.fd().native_handle();
  CHECK(error_of(::ftruncate(number, 4999)) == EPERM);
  CHECK(error_of(::ftruncate(number, 5001)) == EPERM);
  CHECK(error_of(::fcntl(number, F_ADD_SEALS, F_SEAL_WRITE)) == EPERM);
  CHECK(error_of(::fchmod(number, 0777)) == (what.seals->contains(seal::executable) ? EPERM : 0));
}

TEST_CASE("what one process writes the other reads, through the descriptor alone") {
  auto ours = shared_memory::make("shared", 4096).value();
  auto theirs = shared_memory::map(duplicate(ours.fd()).value(), {.writable = true}).value();
  std::memcpy(theirs.writable().data(), "hello", 5);
  CHECK(std::memcmp(ours.bytes().data(), "hello", 5) == 0);
  shared_memory moved = std::move(theirs);
  CHECK(moved.size() == 4096);
  CHECK_FALSE(theirs);
  CHECK(theirs.bytes().empty());
  moved = std::move(ours);
  CHECK(std::memcmp(moved.bytes().data(), "hello", 5) == 0);
  auto& same = moved;
  moved = std::move(same);
  CHECK(moved.size() == 4096);
}

TEST_CASE("with future_write nobody but the maker's mapping can write") {
  auto ours = shared_memory::make("mine to write", 4096, seal_set{} | seal::future_write).value();
  const auto refused = shared_memory::map(duplicate(ours.fd()).value(), {.writable = true});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == std::errc::operation_not_permitted);
  const auto reading = shared_memory::map(duplicate(ours.fd()).value()).value();
  ours.writable()[0] = std::byte{9};
  CHECK(reading.bytes()[0] == std::byte{9});
  CHECK(shared_memory{}.writable().empty());
  CHECK(error_of(static_cast<int>(::pwrite(ours.fd().native_handle(), "x", 1, 0))) == EPERM);
}

TEST_CASE("memory without a size, or with a name that is none, is not made") {
  CHECK(shared_memory::make("x", 0).error() == std::errc::invalid_argument);
  CHECK(shared_memory::make("x", ~std::size_t{}).error() == std::errc::invalid_argument);
  CHECK(shared_memory::make(std::string(250, 'x'), 1).error() == std::errc::invalid_argument);
  CHECK(shared_memory::make(std::string("a\0b", 3), 1).error() == std::errc::invalid_argument);
  CHECK(shared_memory::make(std::string(249, 'x'), 1));
  CHECK(shared_memory::make("", 1));
  CHECK(shared_memory::make("busy", 1, seal_set{} | seal::write).error() == std::errc::device_or_resource_busy);
}

TEST_CASE("only a memfd that cannot be made smaller is mapped, and otherwise it is left with the caller") {
  const auto refused = [](owned_fd theirs, mismatch reason, mapping_options options = {}) {
    const auto answer = shared_memory::map(std::move(theirs), options);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().what == reason);
    CHECK(theirs);  // NOLINT(bugprone-use-after-move): taken on success only
  };
  refused(memory(4096), mismatch::seals);
  refused(memory(4096, F_SEAL_GROW | F_SEAL_WRITE), mismatch::seals);
  refused(memory(0, F_SEAL_SHRINK), mismatch::size_below);
  refused(memory(4095, F_SEAL_SHRINK), mismatch::size_below, {.least = 4096});
  refused(memory(4097, F_SEAL_SHRINK), mismatch::size_above, {.most = 4096});
  refused(scratch_file(), mismatch::kind);
  refused(opened("/dev/null", O_RDWR), mismatch::kind);
  const owned_fd sealed = memory(4096, F_SEAL_SHRINK);
  const std::string link = "/proc/self/fd/" + std::to_string(sealed.native_handle());
  refused(opened(link, O_RDONLY), mismatch::access, {.writable = true});
  refused(opened(link, O_WRONLY), mismatch::access);
  refused(opened(link, O_PATH), mismatch::kind);
  CHECK(shared_memory::map(opened(link, O_RDONLY)).value().writable().empty());
  CHECK(shared_memory::map(owned_fd{}).error() == std::errc::bad_file_descriptor);
}

TEST_CASE("a sender that truncates a million times, and seals in between, never kills a reader", "[no-valgrind]") {
  constexpr int truncations = 1'000'000;
  constexpr off_t large = 4 * 4096;
  int mapped = 0;
  int refused = 0;
  for (int round = 0; round != 20; ++round) {
    const owned_fd theirs = memory(large);
    const test::child sender{[&] {
      const int number = theirs.native_handle();
      for (int i = 0; i != truncations / 20; ++i) (void)!::ftruncate(number, i % 2 == 0 ? 0 : large);
      // Its last word is a seal, so that there is something to map.
      (void)!::ftruncate(number, round % 2 == 0 ? 4096 : large);
      return ::fcntl(number, F_ADD_SEALS, F_SEAL_SHRINK) == 0;
    }};
    for (;;) {
      const auto got = shared_memory::map(duplicate(theirs).value());
      if (!got) {
        ++refused;
        if (got.error().what == mismatch::seals) continue;
        FAIL_CHECK(got.error().text().view());
        break;
      }
      ++mapped;
      std::byte all{};
      for (const std::byte b : got->bytes()) all |= b;
      CHECK(all == std::byte{});
      break;
    }
  }
  CHECK(mapped == 20);
  CHECK(refused > 1000);
}
