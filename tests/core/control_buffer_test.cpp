// Building control data: every byte of it, its limits, and that an error changes nothing.
#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <scm/core/control_buffer.hpp>

#include <sys/socket.h>

#include <climits>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

using scm::abi;
using scm::borrowed_fd;
using scm::control_buffer;
using scm::credentials;
using scm::test::control_bytes;
using scm::test::layout_of;

static_assert(!std::is_copy_constructible_v<control_buffer> && !std::is_copy_assignable_v<control_buffer>);
static_assert(std::is_nothrow_move_constructible_v<control_buffer> &&
              std::is_nothrow_move_assignable_v<control_buffer>);

namespace {

std::vector<borrowed_fd> numbers(std::size_t count, int first = 0) {
  std::vector<borrowed_fd> made;
  for (std::size_t i = 0; i != count; ++i) made.emplace_back(first + static_cast<int>(i));
  return made;
}

control_bytes& rights(control_bytes& bytes, std::size_t count, int first = 0) {
  bytes.header(layout_of(bytes.layout()).header + 4 * count, SOL_SOCKET, SCM_RIGHTS);
  for (std::size_t i = 0; i != count; ++i) bytes.integer(first + static_cast<int>(i));
  return bytes.pad();
}

std::vector<std::byte> image_of(const control_buffer& buffer) { return {buffer.bytes().begin(), buffer.bytes().end()}; }

// A buffer in memory that is full of 0xaa, so that a byte which nobody wrote shows.
class poisoned_buffer {
 public:
  explicit poisoned_buffer(abi layout) {
    std::memset(memory_, 0xaa, sizeof memory_);
    __asm__ volatile("" : : "r"(&memory_[0]) : "memory");  // else the compiler may drop a store before the lifetime
    buffer_ = ::new (memory_) control_buffer{layout};
  }
  poisoned_buffer(const poisoned_buffer&) = delete;
  ~poisoned_buffer() { buffer_->~control_buffer(); }
  control_buffer& operator*() noexcept { return *buffer_; }
  control_buffer* operator->() noexcept { return buffer_; }
  bool holds_its_bytes() const {
    const auto at = reinterpret_cast<std::uintptr_t>(buffer_->bytes().data());
    const auto start = reinterpret_cast<std::uintptr_t>(&memory_[0]);
    return at >= start && at < start + sizeof memory_;
  }

 private:
  alignas(control_buffer) std::byte memory_[sizeof(control_buffer)];
  control_buffer* buffer_;
};

bool over_limit(const scm::result<void>& answer) { return !answer && answer.error() == scm::errc::over_limit; }

struct unchanged {
  explicit unchanged(const control_buffer& buffer) : of{buffer}, bytes{image_of(buffer)}, count{buffer.descriptors()} {}
  bool now() const { return image_of(of) == bytes && of.descriptors() == count; }

  const control_buffer& of;
  std::vector<std::byte> bytes;
  std::size_t count;
};

}  // namespace

TEST_CASE("a new control buffer is empty") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const control_buffer buffer{layout};
  CHECK(buffer.empty());
  CHECK(buffer.bytes().empty());
  CHECK(buffer.descriptors() == 0);
  CHECK(buffer.layout() == layout);
  CHECK(control_buffer{}.layout() == abi::native);
}

TEST_CASE("a control buffer never has an undefined byte") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  // Odd counts need padding in LP64, payloads of 1 to 9 bytes need it in both layouts.
  for (std::size_t count = 1; count <= 5; ++count) {
    poisoned_buffer buffer{layout};
    control_bytes expected{layout};
    REQUIRE(buffer->append_rights(numbers(count, 70)));
    rights(expected, count, 70);
    REQUIRE(buffer->append_credentials(credentials{11, 22, 33}));
    expected.message(SOL_SOCKET, SCM_CREDENTIALS, {11, 22, 33}).pad();
    for (std::size_t size = 0; size != 10; ++size) {
      const std::vector<std::byte> payload(size, std::byte{0x5c});
      REQUIRE(buffer->append(41, -7, payload));
      expected.message(41, -7, payload).pad();
    }
    REQUIRE(buffer.holds_its_bytes());
    CHECK(image_of(*buffer) == expected.vector());
    CHECK(buffer->descriptors() == count);
  }
}

TEST_CASE("a control buffer on the heap never has an undefined byte") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  poisoned_buffer buffer{layout};
  const std::vector<std::byte> noise(3000, std::byte{0xff});
  REQUIRE(buffer->append(0, 0, noise));
  REQUIRE_FALSE(buffer.holds_its_bytes());
  buffer->clear();  // the memory stays, and is full of 0xff

  control_bytes expected{layout};
  REQUIRE(buffer->append_rights(numbers(1, 5)));
  rights(expected, 1, 5);
  for (std::size_t size = 0; size != 100; ++size) {
    REQUIRE(buffer->append(1, 99, std::span{noise}.first(size)));
    expected.message(1, 99, std::span{noise}.first(size)).pad();
  }
  REQUIRE_FALSE(buffer.holds_its_bytes());
  CHECK(image_of(*buffer) == expected.vector());
}

TEST_CASE("32 descriptors with everything else stay inside the object and the next message moves out whole") {
  poisoned_buffer buffer{abi::native};
  control_bytes expected{abi::native};
  REQUIRE(buffer->append_rights(numbers(32)));
  rights(expected, 32);
  REQUIRE(buffer->append_credentials(credentials{1, 2, 3}));
  expected.message(SOL_SOCKET, SCM_CREDENTIALS, {1, 2, 3}).pad();
  const std::vector<std::byte> payload(256, std::byte{'l'});
  for (const auto& [type, size] : std::initializer_list<std::pair<int, std::size_t>>{
           {3, 256}, {4, 4}, {84, 4}, {35, sizeof(long) == 8 ? 16 : 8}}) {
    REQUIRE(buffer->append(SOL_SOCKET, type, std::span{payload}.first(size)));
    expected.message(SOL_SOCKET, type, std::span{payload}.first(size)).pad();
  }
  CHECK(buffer.holds_its_bytes());
  CHECK(image_of(*buffer) == expected.vector());
  CHECK(buffer->bytes().size() ==
        scm::control_room{
            .rights = 32, .credentials = true, .pidfd = true, .timestamp = true, .queued_bytes = true, .label = 256}
            .bytes());

  for (int extra = 0; extra != 3; ++extra) {
    REQUIRE(buffer->append_rights(numbers(1, 90)));
    rights(expected, 1, 90);
  }
  CHECK_FALSE(buffer.holds_its_bytes());
  CHECK(image_of(*buffer) == expected.vector());
  CHECK(buffer->descriptors() == 35);
}

TEST_CASE("the image is right for every number of descriptors up to the limit") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  for (std::size_t count = 0; count <= 253; ++count) {
    control_buffer buffer{layout};
    control_bytes expected{layout};
    REQUIRE(buffer.append_rights(numbers(count)));
    if (count != 0) rights(expected, count);
    REQUIRE(image_of(buffer) == expected.vector());
    REQUIRE(buffer.descriptors() == count);
  }
}

TEST_CASE("no more than 253 descriptors fit however they are spread") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  control_buffer buffer{layout};
  SECTION("in one message") {
    const unchanged before{buffer};
    CHECK(over_limit(buffer.append_rights(numbers(254))));
    CHECK(before.now());
    REQUIRE(buffer.append_rights(numbers(253)));
  }
  SECTION("in several messages") {
    REQUIRE(buffer.append_rights(numbers(200)));
    const unchanged before{buffer};
    CHECK(over_limit(buffer.append_rights(numbers(54))));
    CHECK(before.now());
    REQUIRE(buffer.append_rights(numbers(53)));
  }
  SECTION("in raw messages") {
    const std::vector<std::byte> raw(4 * 254 + 3);
    CHECK(over_limit(buffer.append(SOL_SOCKET, SCM_RIGHTS, raw)));
    REQUIRE(buffer.append_rights(numbers(100)));
    REQUIRE(buffer.append(SOL_SOCKET, SCM_RIGHTS, std::span{raw}.first(4 * 53 + 3)));
    REQUIRE(buffer.append(SOL_SOCKET, SCM_RIGHTS, std::span{raw}.first(4 * 100)));
  }
  CHECK(buffer.descriptors() == 253);
  const unchanged full{buffer};
  CHECK(over_limit(buffer.append_rights(numbers(1))));
  CHECK(full.now());
  const std::vector<std::byte> one(4);
  CHECK(over_limit(buffer.append(SOL_SOCKET, SCM_RIGHTS, one)));
  CHECK(full.now());

  // What is no descriptor does not count.
  CHECK(buffer.append_rights({}));
  CHECK(full.now());
  CHECK(buffer.append(SOL_SOCKET, SCM_RIGHTS, std::span{one}.first(3)));
  CHECK(buffer.append(SOL_SOCKET + 1, SCM_RIGHTS, one));
  CHECK(buffer.append(SOL_SOCKET, 4, one));
  CHECK(buffer.descriptors() == 253);
}

TEST_CASE("control data past the limit is refused before memory is taken or the payload is read") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  control_buffer buffer{layout};
  REQUIRE(buffer.append_rights(numbers(1)));
  const unchanged before{buffer};
  static constexpr std::byte one{};
  for (const std::size_t size : {std::size_t{INT_MAX}, std::size_t{INT_MAX} - 15, SIZE_MAX - 16, SIZE_MAX}) {
    CHECK(over_limit(buffer.append(0, 0, {&one, size})));
    CHECK(over_limit(buffer.append(SOL_SOCKET, SCM_RIGHTS, {&one, size})));
  }
  CHECK(before.now());
}

TEST_CASE("a cleared buffer starts anew and its 253 with it") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const std::size_t count = GENERATE(2u, 253u);
  control_buffer buffer{layout};
  REQUIRE(buffer.append_rights(numbers(count)));
  buffer.clear();
  CHECK(buffer.empty());
  CHECK(buffer.descriptors() == 0);
  CHECK(buffer.layout() == layout);
  REQUIRE(buffer.append_rights(numbers(253, 9)));
  control_bytes expected{layout};
  CHECK(image_of(buffer) == rights(expected, 253, 9).vector());
}

TEST_CASE("a move takes the messages along and leaves an empty buffer that works") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const std::size_t count = GENERATE(1u, 32u, 33u, 253u);
  control_buffer source{layout};
  REQUIRE(source.append_rights(numbers(count, 3)));
  const auto image = image_of(source);

  control_buffer constructed{std::move(source)};
  control_buffer assigned{layout == abi::lp64 ? abi::ilp32 : abi::lp64};
  REQUIRE(assigned.append_rights(numbers(252)));
  CHECK(image_of(constructed) == image);
  CHECK(constructed.descriptors() == count);
  assigned = std::move(constructed);
  CHECK(image_of(assigned) == image);
  CHECK(assigned.descriptors() == count);
  CHECK(assigned.layout() == layout);

  // NOLINTBEGIN(bugprone-use-after-move): what a moved-from buffer is, is part of its contract
  for (control_buffer* left : {&source, &constructed}) {
    CHECK(left->empty());
    CHECK(left->descriptors() == 0);
    CHECK(left->append_rights(numbers(253)));
  }
  // NOLINTEND(bugprone-use-after-move)

  control_buffer& same = assigned;
  assigned = std::move(same);
  CHECK(image_of(assigned) == image);
  CHECK(assigned.descriptors() == count);
}

TEST_CASE("the bytes are aligned for cmsghdr wherever they are") {
  const std::size_t count = GENERATE(1u, 32u, 33u, 253u);
  const auto buffer = std::make_unique<control_buffer>();
  for (std::size_t i = 0; i != count; ++i) {
    REQUIRE(buffer->append_rights(numbers(1)));
    REQUIRE(reinterpret_cast<std::uintptr_t>(buffer->bytes().data()) % alignof(cmsghdr) == 0);
  }
}

TEST_CASE("a native buffer is what the C library's macros walk") {
  control_buffer buffer;
  REQUIRE(buffer.append_credentials(credentials{1, 2, 3}));
  REQUIRE(buffer.append_rights(numbers(3, 40)));
  REQUIRE(buffer.append_rights(numbers(2, 50)));
  msghdr message{};
  message.msg_control = const_cast<std::byte*>(buffer.bytes().data());
  message.msg_controllen = buffer.bytes().size();
  std::vector<std::size_t> lengths;
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    CHECK(at->cmsg_level == SOL_SOCKET);
    lengths.push_back(at->cmsg_len);
  }
  CHECK(lengths == std::vector<std::size_t>{CMSG_LEN(12), CMSG_LEN(3 * sizeof(int)), CMSG_LEN(2 * sizeof(int))});
}
