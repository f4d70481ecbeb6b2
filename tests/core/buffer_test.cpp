// Bytes to send and room to receive: what makes a buffer, what does not, and that nothing is copied.
#include "support/catch.hpp"

#include <scm/core/buffer.hpp>

#include <sys/uio.h>

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using scm::const_buffer;
using scm::const_buffers;
using scm::mutable_buffer;
using scm::mutable_buffers;

static_assert(!std::is_constructible_v<mutable_buffer, const std::string&>);
static_assert(!std::is_constructible_v<mutable_buffer, const std::vector<std::byte>&>);
static_assert(!std::is_constructible_v<mutable_buffer, const std::array<char, 3>&>);
static_assert(!std::is_constructible_v<mutable_buffer, std::span<const std::byte>>);
static_assert(!std::is_constructible_v<mutable_buffer, std::string_view>);
static_assert(!std::is_constructible_v<mutable_buffer, const char (&)[4]>);
static_assert(!std::is_constructible_v<mutable_buffer, const_buffer>);
static_assert(!std::is_constructible_v<mutable_buffers, const std::string&>);
static_assert(!std::is_constructible_v<mutable_buffers, std::vector<const_buffer>&>);
static_assert(!std::is_constructible_v<const_buffer, std::vector<int>&>, "only bytes have no byte order");
static_assert(!std::is_constructible_v<const_buffer, std::vector<bool>&>);
static_assert(!std::is_constructible_v<mutable_buffer, std::vector<wchar_t>&>);
static_assert(std::is_trivially_copyable_v<const_buffer> && std::is_trivially_copyable_v<mutable_buffer>);
static_assert(const_buffer{}.data() == nullptr && const_buffer{}.size() == 0);
static_assert(mutable_buffer{}.data() == nullptr && mutable_buffer{}.size() == 0);

namespace {

void check_is(const_buffer made, const void* data, std::size_t size) {
  CHECK(made.data() == data);
  CHECK(made.size() == size);
}
void check_is(mutable_buffer made, const void* data, std::size_t size) {
  CHECK(made.data() == data);
  CHECK(made.size() == size);
}

// As the functions that take them do.
std::size_t count_of(const_buffers bytes) { return bytes.span().size(); }
std::size_t size_of(const_buffers bytes) { return bytes.size(); }
const_buffer first_of(const_buffers bytes) { return bytes.span().front(); }

}  // namespace

TEST_CASE("text is sent without its NUL") {
  static const char literal[] = "hello";
  check_is(literal, literal, 5);
  check_is("", "", 0);
  const char* const pointer = literal;
  check_is(pointer, pointer, 5);
  static const char embedded[] = "ab\0cd";
  check_is(embedded, embedded, 2);
  using namespace std::string_view_literals;
  check_is("ab\0cd"sv, "ab\0cd"sv.data(), 5);
}

TEST_CASE("any contiguous range of bytes is sent from where it is") {
  const std::string text = "text";
  check_is(const_buffer{text}, text.data(), 4);
  const std::vector<std::byte> bytes(9);
  check_is(const_buffer{bytes}, bytes.data(), 9);
  const std::vector<char> chars(3);
  check_is(const_buffer{chars}, chars.data(), 3);
  const std::array<unsigned char, 7> array{};
  check_is(const_buffer{array}, array.data(), 7);
  const unsigned char raw[6] = {};
  check_is(const_buffer{raw}, &raw[0], 6);
  std::byte writable[8] = {};
  check_is(const_buffer{writable}, &writable[0], 8);
  check_is(const_buffer{std::span{writable}.subspan(2, 3)}, &writable[2], 3);
  check_is(const_buffer{std::span<const std::byte>{writable}}, &writable[0], 8);
  check_is(const_buffer{&writable[1], 4}, &writable[1], 4);
  const std::u8string utf8 = u8"abc";
  check_is(const_buffer{utf8}, utf8.data(), 3);
  const std::vector<std::byte> none;
  CHECK(const_buffer{none}.size() == 0);
}

TEST_CASE("any contiguous range of writable bytes is room to receive") {
  std::array<std::byte, 5> array{};
  check_is(mutable_buffer{array}, array.data(), 5);
  std::vector<unsigned char> vector(7);
  check_is(mutable_buffer{vector}, vector.data(), 7);
  std::string string(3, ' ');
  check_is(mutable_buffer{string}, string.data(), 3);
  char raw[4] = {};
  check_is(mutable_buffer{raw}, &raw[0], 4);
  check_is(mutable_buffer{std::span{raw}.first(2)}, &raw[0], 2);
  const std::span<std::byte> view{array};
  check_is(mutable_buffer{view}, array.data(), 5);
  check_is(mutable_buffer{&raw[1], 2}, &raw[1], 2);
}

TEST_CASE("buffers are laid out as the kernel's iovec") {
  char raw[4] = {};
  const auto native = std::bit_cast<iovec>(const_buffer{raw, 3});
  CHECK(native.iov_base == &raw[0]);
  CHECK(native.iov_len == 3);
  const auto writable = std::bit_cast<iovec>(mutable_buffer{raw, 2});
  CHECK(writable.iov_base == &raw[0]);
  CHECK(writable.iov_len == 2);
  static_assert(alignof(const_buffer) == alignof(iovec) && sizeof(const_buffer[3]) == sizeof(iovec[3]));
}

TEST_CASE("one buffer is a list of one") {
  const std::string text = "four";
  CHECK(count_of(text) == 1);
  CHECK(size_of(text) == 4);
  CHECK(first_of(text).data() == text.data());
  CHECK(count_of("abc") == 1);
  CHECK(size_of("abc") == 3);
  CHECK(size_of(std::vector<std::byte>(10)) == 10);
  CHECK(size_of(std::span<const char>{text}) == 4);
  CHECK(size_of(const_buffer{text}) == 4);

  const const_buffers original(text);
  const const_buffers copy(original);
  CHECK(copy.span().data() != original.span().data());  // a copy stands on its own
  CHECK(copy.span().front().data() == text.data());
}

TEST_CASE("many buffers are a list of them in order") {
  const std::string text = "four";
  const std::vector<std::byte> bytes(6);
  CHECK(count_of({text, bytes, "abc"}) == 3);
  CHECK(size_of({text, bytes, "abc"}) == 13);
  CHECK(first_of({text, bytes}).data() == text.data());
  CHECK(count_of({"ab", "cd"}) == 2);

  const std::vector<const_buffer> vector{text, bytes};
  CHECK(count_of(vector) == 2);
  CHECK(const_buffers(vector).span().data() == vector.data());
  const std::array<const_buffer, 3> array{const_buffer{text}, const_buffer{bytes}, const_buffer{"x"}};
  CHECK(count_of(array) == 3);
  CHECK(size_of(array) == 11);
  CHECK(size_of(std::span{array}.first(1)) == 4);
  const_buffer raw[] = {text, bytes};
  CHECK(count_of(raw) == 2);
  CHECK(count_of(std::vector<const_buffer>{}) == 0);
  CHECK(size_of(std::vector<const_buffer>{}) == 0);
}

TEST_CASE("room to receive is one buffer or many") {
  const auto room = [](mutable_buffers bytes) { return bytes.size(); };
  const auto last = [](mutable_buffers bytes) { return bytes.span().back().data(); };
  std::array<std::byte, 5> first{};
  std::vector<char> second(7);
  CHECK(room(first) == 5);
  CHECK(last(second) == second.data());
  CHECK(room({first, second}) == 12);
  CHECK(last({first, second}) == second.data());
  std::vector<mutable_buffer> vector{first, second};
  CHECK(room(vector) == 12);
  CHECK(last(vector) == second.data());
}

TEST_CASE("the size of many buffers is counted up to the largest and never wraps") {
  const char byte{};
  const std::array<const_buffer, 3> huge{const_buffer{&byte, SIZE_MAX - 1}, const_buffer{&byte, 1},
                                         const_buffer{&byte, 1}};
  CHECK(size_of(std::span{huge}.first(2)) == SIZE_MAX);
  CHECK(size_of(huge) == SIZE_MAX);
  CHECK(size_of({const_buffer{&byte, SIZE_MAX}, const_buffer{&byte, SIZE_MAX}}) == SIZE_MAX);
}
