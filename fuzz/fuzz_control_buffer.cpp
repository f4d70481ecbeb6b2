// Building control data: a program of appends, checked against a model after every step and parsed back.
//
// Input: one byte (bit 0: ILP32), then operations of one byte each with their operands; see `step`.
#include "../tests/support/bytes.hpp"
#include "check.hpp"

#include <scm/core/control_buffer.hpp>
#include <scm/core/control_items.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

namespace {

using scm::abi;
using scm::borrowed_fd;
using scm::control_buffer;
using scm::test::control_bytes;

class operands {
 public:
  explicit operands(std::span<const std::uint8_t> input) : rest_{input} {}
  bool empty() const noexcept { return rest_.empty(); }
  // Zeros once the input has ended.
  template <class Integer>
  Integer take() noexcept {
    Integer value{};
    const std::size_t size = std::min(sizeof value, rest_.size());
    if (size != 0) std::memcpy(&value, rest_.data(), size);
    rest_ = rest_.subspan(size);
    return value;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

// A buffer in memory that is full of 0xaa, so that a byte which nobody wrote shows.
class poisoned_buffer {
 public:
  explicit poisoned_buffer(auto&&... from) {
    std::memset(memory_, 0xaa, sizeof memory_);
    __asm__ volatile("" : : "r"(&memory_[0]) : "memory");  // else the compiler may drop a store before the lifetime
    buffer_ = ::new (memory_) control_buffer{std::forward<decltype(from)>(from)...};
  }
  poisoned_buffer(const poisoned_buffer&) = delete;
  ~poisoned_buffer() { buffer_->~control_buffer(); }
  control_buffer& operator*() noexcept { return *buffer_; }
  control_buffer* operator->() noexcept { return buffer_; }

 private:
  alignas(control_buffer) std::byte memory_[sizeof(control_buffer)];
  control_buffer* buffer_;
};

struct message {
  int level, type;
  std::vector<std::byte> payload;
};

// What the buffer ought to hold.
struct model {
  explicit model(abi layout) : image{layout} {}

  control_bytes image;
  std::vector<message> messages;
  std::size_t descriptors = 0;
  std::size_t space = 0;

  // Whether the buffer must take it; if so it is part of the model.
  bool add(int level, int type, std::span<const std::byte> payload) {
    const std::size_t slots = level == SOL_SOCKET && type == SCM_RIGHTS ? payload.size() / 4 : 0;
    if (descriptors + slots > 253) return false;
    descriptors += slots;
    space += scm::cmsg_space(payload.size(), image.layout());
    image.message(level, type, payload).pad();
    messages.push_back({level, type, {payload.begin(), payload.end()}});
    return true;
  }
};

bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

void check(const control_buffer& buffer, const model& expected) {
  FUZZ_CHECK(buffer.bytes().size() == expected.space);
  FUZZ_CHECK(same_bytes(buffer.bytes(), expected.image.view()));
  FUZZ_CHECK(buffer.descriptors() == expected.descriptors);
  FUZZ_CHECK(buffer.empty() == expected.messages.empty());
  FUZZ_CHECK(buffer.layout() == expected.image.layout());
  FUZZ_CHECK(reinterpret_cast<std::uintptr_t>(buffer.bytes().data()) % alignof(cmsghdr) == 0);
}

void check_parsed(const control_buffer& buffer, const model& expected) {
  scm::control_view walk{buffer.bytes(), buffer.layout()};
  std::size_t rights = 0;
  for (const message& m : expected.messages) {
    const auto found = walk.next();
    FUZZ_CHECK(found && found->level == m.level && found->type == m.type);
    FUZZ_CHECK(same_bytes(found->payload, m.payload));
    if (scm::kind_of(*found) == scm::control_kind::rights) rights += scm::as_rights(*found).size();
  }
  FUZZ_CHECK(!walk.next() && !walk.error());
  FUZZ_CHECK(rights == buffer.descriptors());
}

void step(control_buffer& buffer, model& expected, operands& program) {
  const unsigned operation = program.take<std::uint8_t>();
  switch (operation % 8) {
    case 0:
    case 1: {  // descriptors: how many, and the first number
      const std::size_t count = program.take<std::uint8_t>();
      const int first = program.take<std::uint8_t>();
      std::vector<borrowed_fd> fds;
      for (std::size_t i = 0; i != count; ++i) fds.emplace_back(first + static_cast<int>(i));
      const bool fits = count == 0 || expected.add(SOL_SOCKET, SCM_RIGHTS, std::as_bytes(std::span{fds}));
      FUZZ_CHECK(buffer.append_rights(fds).has_value() == fits);
      return;
    }
    case 2: {
      const auto pid = program.take<std::int32_t>();
      const auto uid = program.take<std::uint32_t>();
      const auto gid = program.take<std::uint32_t>();
      const std::uint32_t words[]{static_cast<std::uint32_t>(pid), uid, gid};
      expected.add(SOL_SOCKET, SCM_CREDENTIALS, std::as_bytes(std::span{words}));
      FUZZ_CHECK(buffer.append_credentials(scm::credentials{pid, uid, gid}).has_value());
      return;
    }
    case 3:
    case 4:
    case 5: {  // any message: level, type, size and a byte to fill it with; 5 is always SCM_RIGHTS
      const int level = operation % 8 == 5 ? SOL_SOCKET : program.take<std::int8_t>();
      const int type = operation % 8 == 5 ? int{SCM_RIGHTS} : program.take<std::int8_t>();
      const std::size_t size = program.take<std::uint16_t>() % 1200;
      const std::vector<std::byte> payload(size, program.take<std::byte>());
      const bool fits = expected.add(level, type, payload);
      const auto answer = buffer.append(level, type, payload);
      FUZZ_CHECK(answer.has_value() == fits);
      if (!fits) FUZZ_CHECK(answer.error() == scm::errc::over_limit);
      return;
    }
    case 6:
      buffer.clear();
      expected = model{buffer.layout()};
      return;
    case 7: {  // out and back, over what is left behind
      const model none{buffer.layout()};
      poisoned_buffer moved{std::move(buffer)};
      check(*moved, expected);
      check(buffer, none);
      buffer = std::move(*moved);
      check(*moved, none);
      return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  operands program{{input, size}};
  const abi layout = (program.take<std::uint8_t>() & 1) != 0 ? abi::ilp32 : abi::lp64;
  poisoned_buffer buffer{layout};
  model expected{layout};
  // Every step compares the whole, so the cost is quadratic: 64 steps show all there is.
  for (int steps = 0; !program.empty() && steps != 64; ++steps) {
    step(*buffer, expected, program);
    check(*buffer, expected);
  }
  check_parsed(*buffer, expected);
  return 0;
}
