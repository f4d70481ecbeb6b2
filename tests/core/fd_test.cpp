// Descriptors that are lent and descriptors that are owned: who closes what, and when.
#include "support/catch.hpp"
#include "support/witness.hpp"

#include <scm/core/fd.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <concepts>
#include <utility>

using scm::borrowed_fd;
using scm::owned_fd;
using scm::test::witness;

static_assert(std::convertible_to<owned_fd&, borrowed_fd> && std::convertible_to<const owned_fd&, borrowed_fd>);
static_assert(!std::convertible_to<owned_fd, borrowed_fd> && !std::convertible_to<const owned_fd, borrowed_fd>,
              "a temporary closes its descriptor before the loan is used");
static_assert(!std::convertible_to<int, owned_fd> && !std::convertible_to<int, borrowed_fd>);
static_assert(!std::is_constructible_v<owned_fd, borrowed_fd> && !std::is_default_constructible_v<borrowed_fd>);
static_assert(!std::is_copy_constructible_v<owned_fd> && !std::is_copy_assignable_v<owned_fd>);
static_assert(std::is_nothrow_move_constructible_v<owned_fd> && std::is_nothrow_move_assignable_v<owned_fd>);
static_assert(!borrowed_fd{-1} && borrowed_fd{0} && borrowed_fd{3} == borrowed_fd{3} &&
              borrowed_fd{3} != borrowed_fd{4});

namespace {

// Makes the descriptor table full: the lowest free number is past the limit while this lives.
class full_table {
 public:
  full_table() {
    const int lowest_free = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    REQUIRE(lowest_free >= 0);
    REQUIRE(::close(lowest_free) == 0);
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit low = before_;
    low.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  }
  full_table(const full_table&) = delete;
  ~full_table() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("an owned descriptor is open until its owner dies") {
  witness file;
  {
    const owned_fd owner{file.give_number()};
    CHECK(owner);
    CHECK(file.is(owner));
    CHECK(owner.get().native_handle() == owner.native_handle());
    CHECK_FALSE(file.closed());
  }
  CHECK(file.closed());
}

TEST_CASE("a borrowed descriptor is left open") {
  witness file;
  const owned_fd owner = file.give();
  {
    const borrowed_fd loan = owner;
    CHECK(loan);
    CHECK(file.is(loan));
  }
  CHECK_FALSE(file.closed());
}

TEST_CASE("a new owner is empty") {
  const owned_fd owner;
  CHECK_FALSE(owner);
  CHECK(owner.native_handle() == -1);
  CHECK(owner.get() == borrowed_fd{-1});
}

TEST_CASE("a negative number makes an empty owner") {
  const int number = GENERATE(-1, -2, -24, -100, INT_MIN);
  owned_fd owner{number};
  CHECK_FALSE(owner);
  CHECK(owner.native_handle() == -1);
  owner.reset(number);
  CHECK(owner.native_handle() == -1);
  CHECK(owner.release() == -1);
}

TEST_CASE("a move hands the descriptor over without closing it") {
  witness file;
  owned_fd first = file.give();
  owned_fd second{std::move(first)};
  CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move): empty by contract
  CHECK(file.is(second));
  owned_fd third;
  third = std::move(second);
  CHECK_FALSE(second);  // NOLINT(bugprone-use-after-move)
  CHECK(file.is(third));
  CHECK_FALSE(file.closed());
}

TEST_CASE("assigning over an owner closes what it had") {
  witness old, fresh;
  owned_fd owner = old.give();
  owner = fresh.give();
  CHECK(old.closed());
  CHECK_FALSE(fresh.closed());
  CHECK(fresh.is(owner));
  owner = owned_fd{};
  CHECK(fresh.closed());
  CHECK_FALSE(owner);
}

TEST_CASE("assigning an owner to itself keeps the descriptor") {
  witness file;
  owned_fd owner = file.give();
  owned_fd& same = owner;
  owner = std::move(same);
  CHECK(file.is(owner));
  CHECK_FALSE(file.closed());
}

TEST_CASE("reset closes the old descriptor and adopts the new") {
  witness old, fresh;
  owned_fd owner = old.give();
  owner.reset(fresh.give_number());
  CHECK(old.closed());
  CHECK(fresh.is(owner));
  owner.reset();
  CHECK(fresh.closed());
  CHECK_FALSE(owner);
  owner.reset();
  CHECK_FALSE(owner);
}

TEST_CASE("release gives the number up and leaves it open") {
  witness file;
  owned_fd owner = file.give();
  const int number = owner.release();
  CHECK_FALSE(owner);
  CHECK(owner.release() == -1);
  CHECK(file.is(borrowed_fd{number}));
  owned_fd{number}.reset();
  CHECK(file.closed());
}

TEST_CASE("closing keeps errno even when close fails") {
  witness file;
  errno = ENOTTY;
  file.give().reset();
  CHECK(errno == ENOTTY);
  {
    // A number that is not open: close(2) answers EBADF.
    const owned_fd stale{INT_MAX};
    errno = ENOTTY;
  }
  CHECK(errno == ENOTTY);
  CHECK(file.closed());
}

TEST_CASE("a duplicate is the same open file and close-on-exec") {
  const owned_fd file{::memfd_create("scm-test", 0)};  // not close-on-exec itself
  REQUIRE(file);
  const auto copy = scm::duplicate(file);
  REQUIRE(copy.has_value());
  CHECK(copy->native_handle() != file.native_handle());
  CHECK((::fcntl(file.native_handle(), F_GETFD) & FD_CLOEXEC) == 0);
  CHECK((::fcntl(copy->native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(scm::test::inode_of(*copy) == scm::test::inode_of(file));
  REQUIRE(::lseek(file.native_handle(), 4711, SEEK_SET) == 4711);
  CHECK(::lseek(copy->native_handle(), 0, SEEK_CUR) == 4711);  // one offset: one open file description
}

TEST_CASE("a duplicate lives on when the original is closed") {
  witness file;
  owned_fd original = file.give();
  auto copy = scm::duplicate(original);
  REQUIRE(copy.has_value());
  original.reset();
  CHECK_FALSE(file.closed());
  copy->reset();
  CHECK(file.closed());
}

TEST_CASE("duplicating what is not open is EBADF") {
  for (const int number : {-1, -24, INT_MAX}) {
    const auto copy = scm::duplicate(borrowed_fd{number});
    REQUIRE_FALSE(copy.has_value());
    CHECK(copy.error() == std::errc::bad_file_descriptor);
    CHECK(copy.error().category() == std::system_category());
  }
}

TEST_CASE("duplicating into a full table is EMFILE") {
  const auto copy = [] {
    const full_table full;
    return scm::duplicate(borrowed_fd{STDIN_FILENO});
  }();
  REQUIRE_FALSE(copy.has_value());
  CHECK(copy.error() == std::errc::too_many_files_open);
}
