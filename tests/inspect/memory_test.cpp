// Files that are memory: memfds with and without seals, and the files that resemble them.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <sys/mman.h>
#include <sys/vfs.h>

#include <linux/magic.h>

using namespace scm;
using namespace scm::test;
using kind = descriptor_kind;

TEST_CASE("a memfd is described with its name, size and seals", "[memory]") {
  const owned_fd memory = made(::memfd_create("na\nme", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(memory.native_handle(), 4096) == 0);
  const description before = described(memory);
  CHECK(before.kind == kind::memfd);
  CHECK(before.name == "na\nme");
  CHECK(before.path.empty());
  CHECK_FALSE(before.deleted);
  CHECK(before.size == 4096);
  CHECK(before.offset == 0);
  CHECK(before.seals == seal_set{});

  REQUIRE(::fcntl(memory.native_handle(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
  const seal_set seals = described(memory).seals.value();
  CHECK(seals == (seal_set{} | seal::shrink | seal::grow | seal::write));
  CHECK(seals.contains(seal::write));
  CHECK(seals.contains(seal_set{} | seal::shrink | seal::grow));
  CHECK_FALSE(seals.contains(seal::sealing));
  CHECK_FALSE(seals.contains(seal_set{} | seal::shrink | seal::sealing));
}

TEST_CASE("a memfd that allows no seals has the seal that says so", "[memory]") {
  const description what = described(made(::memfd_create("closed", MFD_CLOEXEC)).get());
  CHECK(what.kind == kind::memfd);
  CHECK(what.seals == (seal_set{} | seal::sealing));
}

TEST_CASE("a memfd named like a deleted one keeps its name", "[memory]") {
  CHECK(described(made(::memfd_create("x (deleted)", MFD_CLOEXEC)).get()).name == "x (deleted)");
  CHECK(described(made(::memfd_create("", MFD_CLOEXEC)).get()).name.empty());
}

TEST_CASE("a memfd reopened for reading is still a memfd, and so is the place of one", "[memory]") {
  const owned_fd memory = made(::memfd_create("memory", MFD_CLOEXEC));
  const std::string link = "/proc/self/fd/" + std::to_string(memory.native_handle());
  const description reading = described(opened(link, O_RDONLY).get());
  CHECK(reading.kind == kind::memfd);
  CHECK(reading.access == access_mode::read);
  CHECK(reading.identity == described(memory).identity);
  const description place = described(opened(link, O_PATH).get());
  CHECK(place.kind == kind::path_handle);
  CHECK(place.target == kind::memfd);
}

TEST_CASE("a memfd of huge pages is a memfd", "[memory]") {
  const int number = ::memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING);
  if (number < 0) SCM_SKIP("no huge pages here");
  const owned_fd memory{number};
  CHECK(described(memory).kind == kind::memfd);
  CHECK(described(memory).name == "huge");
}

TEST_CASE("a deleted file on a tmpfs is not taken for a memfd", "[memory]") {
  struct statfs where{};
  if (::statfs("/dev/shm", &where) != 0 || where.f_type != TMPFS_MAGIC) SCM_SKIP("/dev/shm is not a tmpfs");
  const temporary_folder folder{"/dev/shm"};
  const description what = described(opened(folder.path(), O_RDWR | O_TMPFILE, 0600).get());
  CHECK(what.kind == kind::regular_file);
  CHECK(what.deleted);
  CHECK(what.seals == (seal_set{} | seal::sealing));
}
