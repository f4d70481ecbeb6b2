// Describing in bad conditions: a full table, no /proc, a file system or a process that does not answer.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <climits>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

using namespace scm;
using namespace scm::test;
using kind = descriptor_kind;

namespace {

// A mount namespace of our own, with root in it where we are not root outside.
bool own_mounts() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (::unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) return false;
  if (user != 0) {  // without a mapping no file can be made there
    std::ofstream{"/proc/self/setgroups"} << "deny";
    std::ofstream{"/proc/self/uid_map"} << "0 " << user << " 1";
    std::ofstream{"/proc/self/gid_map"} << "0 " << group << " 1";
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool own_mounts_are_possible() { return child{own_mounts}.succeeded(); }

// Ends the process when a test hangs: the calls in question cannot be interrupted, so no exception would do.
void hang_is_failure() { ::alarm(10); }

}  // namespace

TEST_CASE("a descriptor that is not open is EBADF", "[obstacles]") {
  CHECK(describe(borrowed_fd{-1}).error() == std::errc::bad_file_descriptor);
  CHECK(describe(borrowed_fd{AT_FDCWD}).error() == std::errc::bad_file_descriptor);
  CHECK(describe(borrowed_fd{INT_MAX}).error() == std::errc::bad_file_descriptor);
  int number = -1;
  {
    const owned_fd file = scratch_file();
    number = file.native_handle();
  }
  CHECK(describe(borrowed_fd{number}).error() == std::errc::bad_file_descriptor);
}

TEST_CASE("with a full descriptor table every kind is described, without what must be opened to be read",
          "[obstacles][no-valgrind]") {
  const std::vector<example> all = one_of_each_kind();
  const owned_fd counter = made(::eventfd(5, EFD_CLOEXEC));
  std::vector<description> roomy;
  for (const example& one : all) roomy.push_back(described(one.fd));
  std::vector<description> full;
  {
    const descriptor_limit limit{descriptor_limit::leaving_free(0)};
    REQUIRE(::open("/", O_RDONLY | O_CLOEXEC) == -1);
    for (const example& one : all) full.push_back(described(one.fd));
    const description what = described(counter);
    CHECK(what.kind == kind::eventfd);
    CHECK_FALSE(what.counter);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(all[i].kind);
    CHECK_FALSE(full[i].offset);
    roomy[i].offset.reset();
    roomy[i].counter.reset();
    roomy[i].process.reset();
    full[i].process.reset();  // needs no slot from Linux 6.13 on
    CHECK(full[i] == roomy[i]);
  }
}

TEST_CASE("a thread with a descriptor table of its own has its own descriptors described", "[obstacles]") {
  const owned_fd ours = scratch_file();
  description what;
  std::thread{[&] {
    if (::unshare(CLONE_FILES) != 0) return;
    const owned_fd directory_at_that_number = opened("/", O_RDONLY | O_DIRECTORY);
    ::dup3(directory_at_that_number.native_handle(), ours.native_handle(), O_CLOEXEC);
    what = described(ours);
  }}.join();
  CHECK(what.kind == kind::directory);
  CHECK(what.path == "/");
  CHECK(described(ours).kind == kind::regular_file);
}

TEST_CASE("without /proc the kinds that need no name are told apart, and the others are anonymous", "[obstacles]") {
  if (!own_mounts_are_possible()) SCM_SKIP("no mount namespace of our own is permitted");
  // Also a /proc that is something else: its links could say anything.
  const bool empty = GENERATE(true, false);
  child other{[&] {
    const std::vector<example> all = one_of_each_kind();
    const owned_fd sealed = made(::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!own_mounts() || ::mount("tmpfs", "/proc", "tmpfs", 0, nullptr) != 0) return false;
    if (!empty) {
      std::filesystem::create_directories("/proc/thread-self/fd");
      std::filesystem::create_directories("/proc/thread-self/fdinfo");
      for (const example& one : all) {
        const std::string number = std::to_string(one.fd.native_handle());
        std::filesystem::create_symlink("anon_inode:[io_uring]", "/proc/thread-self/fd/" + number);
        std::ofstream{"/proc/thread-self/fdinfo/" + number} << "pos:\t7\nPid:\t1\neventfd-count: 7\n";
      }
    }
    using enum descriptor_kind;
    constexpr auto expected =
        std::to_array({regular_file, directory, path_handle, character_device, memfd, pipe, pipe, socket, socket,
                       socket, anonymous, anonymous, anonymous, anonymous, anonymous, pidfd, terminal});
    if (all.size() != expected.size() || described(sealed).kind != kind::memfd) return false;
    bool good = true;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const description what = described(all[i].fd);
      // pidfs, by which a pidfd is known without /proc, came with Linux 6.9.
      const bool right = what.kind == expected[i] || (expected[i] == kind::pidfd && what.kind == kind::anonymous);
      if (right && what.path.empty() && what.name.empty() && !what.offset && !what.counter) continue;
      std::fprintf(stderr, "%s is described as %s, path %s name %s\n", all[i].kind.c_str(), name_of(what.kind).data(),
                   what.path.c_str(), what.name.c_str());
      good = false;
    }
    return good;
  }};
  CHECK(other.succeeded());
}

TEST_CASE("a file in the root directory that is called like a memfd is none", "[obstacles]") {
  if (::geteuid() != 0 || !own_mounts_are_possible()) SCM_SKIP("takes root for another root directory");
  const temporary_folder folder;
  REQUIRE(::mkdir((folder / "proc").c_str(), 0700) == 0);
  child other{[&] {
    if (!own_mounts() || ::mount("/proc", (folder / "proc").c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
      return false;
    if (::chroot(folder.path().c_str()) != 0 || ::chdir("/") != 0) return false;
    const description file = described(opened("/memfd:x", O_RDWR | O_CREAT, 0600).get());
    const description place = described(opened("/memfd:x", O_PATH).get());
    return file.kind == kind::regular_file && file.path == "/memfd:x" && place.target == kind::regular_file;
  }};
  CHECK(other.succeeded());
}

TEST_CASE("a file system that does not answer is not waited for", "[obstacles]") {
  if (!own_mounts_are_possible()) SCM_SKIP("no mount namespace of our own is permitted");
  const temporary_folder folder;
  child other{[&] {
    hang_is_failure();
    if (!own_mounts()) return false;
    // Nobody reads this descriptor, so that whatever asks the file system waits for ever.
    const owned_fd server = opened("/dev/fuse", O_RDWR);
    const std::string options = "fd=" + std::to_string(server.native_handle()) + ",rootmode=40000,user_id=0,group_id=0";
    if (::mount("scm-test", folder.path().c_str(), "fuse", 0, options.c_str()) != 0) return false;
    const description what = described(opened(folder.path(), O_PATH | O_DIRECTORY).get());
    return what.kind == kind::path_handle && what.target == kind::directory && what.path == folder.path();
  }};
  const int status = other.wait();
  if (::access("/dev/fuse", R_OK | W_OK) != 0) SCM_SKIP("no /dev/fuse");
  CHECK(status == 0);
}

TEST_CASE("a file that somebody is stuck reading is described without waiting for them", "[obstacles]") {
  const owned_fd file = scratch_file();
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const owned_fd ready{ends[0]};
  owned_fd tell{ends[1]};
  // The reader's buffer is memory that nobody provides: it stays inside read(2), and holds the lock of the offset.
  child reader{[&] {
    const long number = ::syscall(SYS_userfaultfd, O_CLOEXEC);
    if (number < 0) return false;
    uffdio_api api{};
    api.api = UFFD_API;
    void* const memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uffdio_register missing{};
    missing.range = {reinterpret_cast<std::uintptr_t>(memory), 4096};
    missing.mode = UFFDIO_REGISTER_MODE_MISSING;
    const int descriptor = static_cast<int>(number);
    if (::ioctl(descriptor, UFFDIO_API, &api) != 0 || ::ioctl(descriptor, UFFDIO_REGISTER, &missing) != 0) return false;
    if (::write(tell.native_handle(), "r", 1) != 1) return false;
    return ::read(file.native_handle(), memory, 4096) >= 0;
  }};
  tell.reset();
  char byte = 0;  // end of file instead: the reader may not have a userfaultfd
  if (::read(ready.native_handle(), &byte, 1) != 1) SCM_SKIP("userfaultfd is not permitted");
  for (char state = 'R'; state == 'R';) {
    std::ifstream{"/proc/" + std::to_string(reader.pid()) + "/stat"}.ignore(4096, ')').ignore(1).get(state);
  }
  child describer{[&] {
    hang_is_failure();
    const description what = described(file);
    return what.kind == kind::regular_file && what.size == 7 && what.offset == 0;
  }};
  const int status = describer.wait();
  reader.kill();
  CHECK(status == 0);
}
