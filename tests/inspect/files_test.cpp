// What has a place: files, directories, devices, named pipes, and handles on places.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <linux/fs.h>
#include <linux/loop.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>

using namespace scm;
using namespace scm::test;
using kind = descriptor_kind;

TEST_CASE("a regular file is described with its identity, size, offset and path", "[files]") {
  const temporary_folder folder;
  const owned_fd file = opened(folder / "data", O_RDWR | O_CREAT, 0600);
  REQUIRE(::pwrite(file.native_handle(), "seven b", 7, 0) == 7);
  REQUIRE(::lseek(file.native_handle(), 3, SEEK_SET) == 3);
  struct stat status{};
  REQUIRE(::fstat(file.native_handle(), &status) == 0);

  const description what = described(file);
  CHECK(what.kind == kind::regular_file);
  CHECK_FALSE(what.target);
  CHECK(what.identity == file_identity{{major(status.st_dev), minor(status.st_dev)}, status.st_ino});
  CHECK(what.access == access_mode::read_write);
  CHECK(what.flags == status_flags{});
  CHECK(what.close_on_exec);
  CHECK(what.size == 7);
  CHECK(what.offset == 3);
  CHECK(what.path == folder / "data");
  CHECK(what.name.empty());
  CHECK_FALSE(what.deleted);
  CHECK_FALSE(what.seals);
  CHECK_FALSE(what.device);
  CHECK_FALSE(what.socket);
  CHECK_FALSE(what.counter);
  CHECK_FALSE(what.process);
}

TEST_CASE("describing a file does not change it: not its offset, its times or its flags", "[files]") {
  const temporary_folder folder;
  const owned_fd file = opened(folder / "data", O_RDWR | O_CREAT | O_NONBLOCK, 0600);
  REQUIRE(::write(file.native_handle(), "x", 1) == 1);
  struct stat before{}, after{};
  REQUIRE(::fstat(file.native_handle(), &before) == 0);
  const int flags = ::fcntl(file.native_handle(), F_GETFL);
  const description first = described(file);
  CHECK(described(file) == first);
  REQUIRE(::fstat(file.native_handle(), &after) == 0);
  CHECK(::lseek(file.native_handle(), 0, SEEK_CUR) == 1);
  CHECK(::fcntl(file.native_handle(), F_GETFL) == flags);
  CHECK(before.st_atim.tv_nsec == after.st_atim.tv_nsec);
  CHECK(before.st_ctim.tv_nsec == after.st_ctim.tv_nsec);
}

TEST_CASE("the access mode and the status flags are those of the open file", "[files]") {
  const temporary_folder folder;
  const std::string path = folder / "data";
  static_cast<void>(opened(path, O_WRONLY | O_CREAT, 0600));
  const auto flags_with = [&](int flags) { return described(opened(path, flags).get()).flags; };
  CHECK(described(opened(path, O_RDONLY).get()).access == access_mode::read);
  CHECK(described(opened(path, O_WRONLY).get()).access == access_mode::write);
  CHECK(described(opened(path, O_ACCMODE).get()).access == access_mode::none);
  CHECK(flags_with(O_WRONLY | O_APPEND) == status_flags{.append = true});
  CHECK(flags_with(O_NONBLOCK) == status_flags{.nonblock = true});
  CHECK(flags_with(O_WRONLY | O_SYNC) == status_flags{.sync = true, .dsync = true});
  CHECK(flags_with(O_WRONLY | O_DSYNC) == status_flags{.dsync = true});
  CHECK(flags_with(O_NOATIME) == status_flags{.noatime = true});
  CHECK(flags_with(O_APPEND | O_WRONLY | O_NONBLOCK) == status_flags{.append = true, .nonblock = true});

  const owned_fd kept = made(::open(path.c_str(), O_RDONLY));  // NOLINT(android-cloexec-open): that is the point
  CHECK_FALSE(described(kept).close_on_exec);
}

TEST_CASE("a directory is a directory and has no size", "[files]") {
  const temporary_folder folder;
  const description what = described(opened(folder.path(), O_RDONLY | O_DIRECTORY).get());
  CHECK(what.kind == kind::directory);
  CHECK(what.access == access_mode::read);
  CHECK(what.path == folder.path());
  CHECK_FALSE(what.size);
  CHECK_FALSE(what.offset);
}

TEST_CASE("a file without a name left is deleted, and its path has no ending for it", "[files]") {
  const temporary_folder folder;
  const std::string path = folder / "gone";
  const owned_fd file = opened(path, O_RDWR | O_CREAT, 0600);
  REQUIRE(::unlink(path.c_str()) == 0);
  CHECK(described(file).deleted);
  CHECK(described(file).path == path);

  const owned_fd nameless = opened(folder.path(), O_RDWR | O_TMPFILE, 0600);
  CHECK(described(nameless).deleted);

  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  const owned_fd inside = opened(path, O_RDONLY | O_DIRECTORY);
  REQUIRE(::rmdir(path.c_str()) == 0);
  CHECK(described(inside).deleted);
}

TEST_CASE("a living file cannot pass for a deleted one by its name", "[files]") {
  const temporary_folder folder;
  const std::string path = folder / "trap (deleted)";
  const owned_fd file = opened(path, O_RDWR | O_CREAT, 0600);
  CHECK_FALSE(described(file).deleted);
  CHECK(described(file).path == path);
  REQUIRE(::unlink(path.c_str()) == 0);
  CHECK(described(file).deleted);
  CHECK(described(file).path == path);  // one ending is the kernel's, the other its own
}

TEST_CASE("a file that lost the name it was opened by, but has others, is not deleted", "[files]") {
  const temporary_folder folder;
  const owned_fd file = opened(folder / "one", O_RDWR | O_CREAT, 0600);
  REQUIRE(::link((folder / "one").c_str(), (folder / "two").c_str()) == 0);
  REQUIRE(::unlink((folder / "one").c_str()) == 0);
  CHECK_FALSE(described(file).deleted);
  CHECK(described(file).path == (folder / "one") + " (deleted)");
}

TEST_CASE("a path keeps every byte of a hostile name, and safe_text makes it printable", "[files]") {
  const temporary_folder folder;
  const std::string name = "\x1b]0;owned\a\n\\\xff\x80 \xe2\x80\xae";
  const description what = described(opened(folder / name, O_RDWR | O_CREAT, 0600).get());
  CHECK(what.path == folder / name);
  CHECK(safe_text(what.path).value() == folder / R"(\x1b]0;owned\x07\x0a\x5c\xff\x80 \xe2\x80\xae)");
}

TEST_CASE("a path too long for procfs is left out, not cut", "[files]") {
  const temporary_folder folder;
  const std::string component(250, 'd');
  owned_fd at = opened(folder.path(), O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < 20; ++depth) {
    REQUIRE(::mkdirat(at.native_handle(), component.c_str(), 0700) == 0);
    at = made(::openat(at.native_handle(), component.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  const description what = described(at);
  CHECK(what.kind == kind::directory);
  CHECK(what.path.empty());
}

TEST_CASE("a file that is called like an object of the kernel is a regular file", "[files]") {
  const temporary_folder folder;
  for (const char* name : {"anon_inode:[eventfd]", "memfd:x (deleted)", "memfd:x", "net:[1]", "socket:[1]"}) {
    CHECK(described(opened(folder / name, O_RDWR | O_CREAT, 0600).get()).kind == kind::regular_file);
  }
}

TEST_CASE("a handle on a place says so, and what lies there", "[files]") {
  const temporary_folder folder;
  static_cast<void>(opened(folder / "data", O_RDWR | O_CREAT, 0600));
  std::filesystem::create_symlink("data", folder / "link");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const auto handle_on = [](const std::string& path) { return described(opened(path, O_PATH | O_NOFOLLOW).get()); };

  const description file = handle_on(folder / "data");
  CHECK(file.kind == kind::path_handle);
  CHECK(file.target == kind::regular_file);
  CHECK(file.access == access_mode::none);
  CHECK(file.path == folder / "data");
  CHECK(file.size == 0);
  CHECK_FALSE(file.offset);
  CHECK(handle_on(folder.path()).target == kind::directory);
  CHECK(handle_on(folder / "link").target == kind::symbolic_link);
  CHECK(handle_on(folder / "link").path == folder / "link");
  CHECK(handle_on(folder / "fifo").target == kind::pipe);
  CHECK(handle_on("/dev/null").target == kind::character_device);
  CHECK(handle_on("/dev/null").device == device_number{1, 3});
}

TEST_CASE("a named pipe is a pipe with a path", "[files]") {
  const temporary_folder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const description what = described(opened(folder / "fifo", O_RDONLY | O_NONBLOCK).get());
  CHECK(what.kind == kind::pipe);
  CHECK(what.access == access_mode::read);
  CHECK(what.flags.nonblock);
  CHECK(what.path == folder / "fifo");
}

TEST_CASE("a device is described with its number", "[files]") {
  const description null = described(opened("/dev/null", O_RDWR).get());
  CHECK(null.kind == kind::character_device);
  CHECK(null.device == device_number{1, 3});
  CHECK(null.path == "/dev/null");
  CHECK_FALSE(null.size);
}

TEST_CASE("both ends of a pseudo-terminal are terminals", "[files]") {
  int outer = -1, inner = -1;
  REQUIRE(::openpty(&outer, &inner, nullptr, nullptr, nullptr) == 0);
  const owned_fd first{outer}, second{inner};
  CHECK(described(first).kind == kind::terminal);
  CHECK(described(second).kind == kind::terminal);
  CHECK(described(second).device->major == 136);
  CHECK(described(second).access == access_mode::read_write);
}

TEST_CASE("a block device is described with its number and its size", "[files]") {
  owned_fd device;
  for (const auto& entry : std::filesystem::directory_iterator{"/dev"}) {
    if (entry.is_block_file()) device.reset(::open(entry.path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (device) break;
  }
  if (!device) SCM_SKIP("no block device that may be opened");
  struct stat status{};
  REQUIRE(::fstat(device.native_handle(), &status) == 0);
  std::uint64_t bytes = 0;
  REQUIRE(::ioctl(device.native_handle(), BLKGETSIZE64, &bytes) == 0);
  const description what = described(device);
  CHECK(what.kind == kind::block_device);
  CHECK(what.device == device_number{major(status.st_rdev), minor(status.st_rdev)});
  CHECK(what.size == bytes);
  CHECK(what.offset == 0);
}

TEST_CASE("a file of procfs is a regular file", "[files]") {
  const description what = described(opened("/proc/self/maps", O_RDONLY).get());
  CHECK(what.kind == kind::regular_file);
  CHECK(what.path.starts_with("/proc/"));
}
