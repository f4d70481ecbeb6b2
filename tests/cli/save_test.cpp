// `scm recv --save`: content is kept, under names that are safe whatever the sender says.
#include "cli/running_program.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace scm;
using namespace scm::test;

namespace {

std::string content_of_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

ended save(const std::string& directory, std::string_view names, borrowed_fds descriptors,
           std::vector<std::string> more = {}) {
  auto ends = seqpacket::pair().value();
  REQUIRE(ends.first.send(names, descriptors));
  more.insert(more.begin(), {"recv", "fd:40", "--save", directory});
  return run_scm(more, {{ends.second.fd(), 40}});
}

}  // namespace

TEST_CASE("files are saved under their names, from their first byte on, and their offset stays where it was") {
  const temporary_folder folder, target;
  const auto file = file_with(folder / "file", "0123456789");
  const owned_fd memory{::memfd_create("m", MFD_CLOEXEC)};
  REQUIRE(::write(memory.native_handle(), "memory", 6) == 6);
  REQUIRE(::lseek(file.native_handle(), 4, SEEK_SET) == 4);
  const auto run = save(target.path(), "first\nsecond\n", {file.get(), memory.get()});
  CHECK(run.status == 0);
  CHECK(contains(run.out, "saved as first, 10 bytes"));
  CHECK(content_of_file(target / "first") == "0123456789");
  CHECK(content_of_file(target / "second") == "memory");
  CHECK(::lseek(file.native_handle(), 0, SEEK_CUR) == 4);
}

TEST_CASE("a sparse file of 256 MiB is saved whole and stays sparse") {
  const temporary_folder folder, target;
  constexpr off_t size = off_t{256} << 20;
  const auto file = file_with(folder / "file", "head");
  REQUIRE(::ftruncate(file.native_handle(), size) == 0);
  REQUIRE(::pwrite(file.native_handle(), "middle", 6, size / 2 - 3) == 6);
  REQUIRE(::pwrite(file.native_handle(), "tail", 4, size - 4) == 4);
  REQUIRE(save(target.path(), "copy\n", file.get()).status == 0);
  const auto compared = running_program{{"cmp", folder / "file", target / "copy"}}.wait();
  CHECK(compared.status == 0);
  struct stat status{};
  REQUIRE(::stat((target / "copy").c_str(), &status) == 0);
  CHECK(status.st_size == size);
  CHECK(status.st_blocks * 512 < 16 * 1024 * 1024);
}

TEST_CASE("a name that is no plain file name is replaced, and nothing is written anywhere else") {
  const temporary_folder folder, target;
  const auto file = file_with(folder / "file", "x");
  const std::vector<std::string> hostile{"../../etc/x",
                                         "/etc/x",
                                         "..",
                                         ".",
                                         "",
                                         "-rf",
                                         ".profile",
                                         "a/b",
                                         "tab\there",
                                         "\x1b[2J",
                                         "del\x7f",
                                         std::string(256, 'n'),
                                         std::string("nul\0nul", 7)};
  std::string names;
  for (const auto& name : hostile) names += name + '\n';
  const std::vector<borrowed_fd> descriptors(hostile.size() + 1, file.get());  // the last has no line at all
  const auto run = save(target.path(), names, descriptors);
  INFO(run.err);
  CHECK(run.status == 0);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{target.path()}) {
    CHECK(entry.path().filename().string().starts_with("fd-"));
    ++count;
  }
  CHECK(count == descriptors.size());
  CHECK(std::distance(std::filesystem::directory_iterator{folder.path()}, {}) == 1);
}

TEST_CASE("what exists is never written to, neither a file nor what a link leads to") {
  const temporary_folder folder, target;
  const auto file = file_with(folder / "file", "new");
  file_with(folder / "victim", "old");
  file_with(target / "kept", "old");
  std::filesystem::create_symlink(folder / "victim", target / "link");
  std::filesystem::create_symlink(folder / "nowhere", target / "dangling");
  const auto run = save(target.path(), "kept\nlink\ndangling\nfresh\nfresh\n", std::vector<borrowed_fd>(5, file.get()));
  CHECK(run.status == 1);
  for (const auto* const name : {"kept", "link", "dangling", "fresh"}) {
    CHECK(contains(run.err, "not saved: " + target / name + " exists\n"));
  }
  CHECK(content_of_file(target / "kept") == "old");
  CHECK(content_of_file(folder / "victim") == "old");
  CHECK(!std::filesystem::exists(folder / "nowhere"));
  CHECK(content_of_file(target / "fresh") == "new");
}

TEST_CASE("what is no file to read is not saved, and the rest is") {
  const temporary_folder folder, target;
  const auto file = file_with(folder / "file", "x");
  const owned_fd device{::open("/dev/zero", O_RDONLY | O_CLOEXEC)};
  const owned_fd write_only{::open((folder / "file").c_str(), O_WRONLY | O_CLOEXEC)};
  const owned_fd place{::open((folder / "file").c_str(), O_PATH | O_CLOEXEC)};
  auto pair = stream::pair().value();
  const auto run = save(target.path(), "a\nb\nc\nd\ne\n",
                        {device.get(), write_only.get(), place.get(), pair.first.fd(), file.get()});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "not saved: a is no regular file but a character_device"));
  CHECK(contains(run.err, "not saved: b was not opened for reading"));
  CHECK(contains(run.err, "not saved: c is no regular file but a path_handle"));
  CHECK(contains(run.err, "not saved: d is no regular file but a socket"));
  CHECK(content_of_file(target / "e") == "x");
}

TEST_CASE("a file of more bytes than allowed is not saved, however many it claims to have") {
  const temporary_folder folder, target;
  const auto file = file_with(folder / "file", "12345");
  CHECK(save(target.path(), "exact\n", file.get(), {"--save-max", "5"}).status == 0);
  const auto run = save(target.path(), "over\n", file.get(), {"--save-max", "4"});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "--save-max"));
  CHECK(!std::filesystem::exists(target / "over"));

  const owned_fd endless{::memfd_create("huge", MFD_CLOEXEC)};
  REQUIRE(::ftruncate(endless.native_handle(), off_t{1} << 50) == 0);
  CHECK(save(target.path(), "huge\n", endless.get()).status == 1);
  CHECK(!std::filesystem::exists(target / "huge"));
}

TEST_CASE("without the directory nothing is received") {
  const temporary_folder folder;
  const auto run = run_scm({"recv", abstract_address(), "--listen", "--save", folder / "missing"});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "cannot save into"));
}
