#include "foreign/low_memory.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

#include <scm/foreign/memory.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

using namespace scm;
using namespace scm::test;

namespace {

std::span<std::byte> bytes_of(auto& text) { return std::as_writable_bytes(std::span{text}); }

// What both kinds of memory promise, on pages of which the last is not there.
void check_holes(foreign_memory& memory, const low_memory& pages) {
  std::array<char, 4> first{}, second{}, third{};
  std::ranges::fill(pages.all(), std::byte{'.'});
  std::memcpy(pages.at(pages.end() - 8), "abcdefgh", 8);

  // Up to the hole; what is beyond is not defined.
  const foreign_source across[] = {{pages.end() - 8, bytes_of(first)}, {pages.end() - 2, bytes_of(second)}};
  CHECK(memory.read(across) == 6U);
  CHECK(std::string_view{first.data(), 4} == "abcd");
  CHECK(std::string_view{second.data(), 2} == "gh");
  const foreign_source behind[] = {{pages.end(), bytes_of(first)}, {pages.address(), bytes_of(second)}};
  CHECK(memory.read(behind) == 0U);

  // Empty parts are nowhere, and there.
  const foreign_source empty[] = {{8, {}}, {pages.end() - 4, bytes_of(third)}, {~std::uint64_t{0}, {}}};
  CHECK(memory.read(empty) == 4U);
  CHECK(std::string_view{third.data(), 4} == "efgh");
  CHECK(memory.read({}) == 0U);

  // A range that wraps around is not there, what is before it is.
  const foreign_source wrapping[] = {{pages.end() - 4, bytes_of(first)}, {~std::uint64_t{0} - 1, bytes_of(second)}};
  CHECK(memory.read(wrapping) == 4U);

  const std::array<char, 4> text{'w', 'x', 'y', 'z'};
  const foreign_target written[] = {{pages.address(), std::as_bytes(std::span{text})},
                                    {pages.end() - 2, std::as_bytes(std::span{text})},
                                    {pages.address() + 8, std::as_bytes(std::span{text})}};
  CHECK(memory.write(written) == 6U);
  CHECK(std::memcmp(pages.at(pages.address()), "wxyz....", 8) == 0);
  CHECK(std::memcmp(pages.at(pages.address() + 8), "....", 4) == 0);
  CHECK(std::memcmp(pages.at(pages.end() - 2), "wx", 2) == 0);

  // More parts than one system call takes.
  std::vector<char> many(1500);
  std::vector<foreign_source> parts;
  for (std::size_t i = 0; i != many.size(); ++i) {
    *pages.at(pages.address() + 3 * i) = static_cast<std::byte>(i % 251);
    parts.push_back({pages.address() + 3 * i, bytes_of(many).subspan(i, 1)});
  }
  CHECK(memory.read(parts) == 1500U);
  for (std::size_t i = 0; i != many.size(); ++i) REQUIRE(static_cast<unsigned char>(many[i]) == i % 251);
  parts[1200].address = pages.end();
  CHECK(memory.read(parts) == 1200U);
}

}  // namespace

TEST_CASE("a process's memory is read and written up to the first byte that is not there", "[foreign][no-valgrind]") {
  const low_memory pages;
  process_memory self{::getpid()};
  check_holes(self, pages);
}

TEST_CASE("an image of memory is read and written as a process's is", "[foreign]") {
  const low_memory pages;
  // Two ranges that are neighbours are one.
  const std::array segments{
      memory_image::segment{pages.address() + low_memory::page, pages.all().subspan(low_memory::page)},
      memory_image::segment{pages.address(), pages.all().first(low_memory::page)}};
  memory_image image{segments};
  check_holes(image, pages);
}

TEST_CASE("an image ends where the addresses do", "[foreign]") {
  std::array<char, 4> last{'a', 'b', 'c', 'd'}, got{};
  const std::array segments{memory_image::segment{~std::uint64_t{0} - 3, bytes_of(last)},
                            memory_image::segment{0, bytes_of(last)}};
  memory_image image{segments};
  const foreign_source whole{~std::uint64_t{0} - 3, bytes_of(got)};
  CHECK(image.read({&whole, 1}) == 4U);
  const foreign_source around{~std::uint64_t{0} - 1, bytes_of(got)};
  CHECK(image.read({&around, 1}) == 2U);
}

TEST_CASE("what may only be read is not written to", "[foreign][no-valgrind]") {
  const low_memory pages;
  const std::array<char, 2> text{'n', 'o'};
  const foreign_target part{pages.address(), std::as_bytes(std::span{text})};
  const std::array segments{memory_image::segment{pages.address(), pages.all(), false}};
  memory_image image{segments};
  CHECK(image.write({&part, 1}) == 0U);
  REQUIRE(::mprotect(pages.all().data(), low_memory::page, PROT_READ) == 0);
  process_memory self{::getpid()};
  CHECK(self.write({&part, 1}) == 0U);
  CHECK(pages.all()[0] == std::byte{0});
}

TEST_CASE("another process's memory is its own, and gone when it has ended", "[foreign][no-valgrind]") {
  const low_memory pages;
  pages.all()[0] = std::byte{'p'};
  int ready[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const owned_fd out{ready[0]}, in{ready[1]};
  child other{[&] {
    pages.all()[0] = std::byte{'c'};
    (void)!::write(in.native_handle(), "x", 1);
    ::pause();
    return true;
  }};
  char byte{};
  REQUIRE(::read(out.native_handle(), &byte, 1) == 1);

  process_memory memory{other.pid()};
  const foreign_source part{pages.address(), std::as_writable_bytes(std::span{&byte, 1})};
  REQUIRE(memory.read({&part, 1}) == 1U);
  CHECK(byte == 'c');
  const char changed = 'd';
  const foreign_target written{pages.address(), std::as_bytes(std::span{&changed, 1})};
  REQUIRE(memory.write({&written, 1}) == 1U);
  REQUIRE(memory.read({&part, 1}) == 1U);
  CHECK(byte == 'd');
  CHECK(pages.all()[0] == std::byte{'p'});

  other.kill();
  CHECK(memory.read({&part, 1}).error() == std::errc::no_such_process);
  CHECK(memory.write({&written, 1}).error() == std::errc::no_such_process);
}

TEST_CASE("memory of a process that may not be looked into is out of reach, not a hole", "[foreign][no-valgrind]") {
  const low_memory pages;
  child stranger{[&] {
    // The parent is another user's now.
    char byte{};
    process_memory parent{::getppid()};
    const foreign_source part{pages.address(), std::as_writable_bytes(std::span{&byte, 1})};
    if (!become_nobody() || ::geteuid() != 65534) return true;
    const auto got = parent.read({&part, 1});
    return !got && got.error() == std::errc::operation_not_permitted;
  }};
  CHECK(stranger.succeeded());
}
