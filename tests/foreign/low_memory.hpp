// Memory that both layouts can point to, structures in it written by hand, and the kernel as the judge of them:
// natively, and on x86-64 also by the entry for 32-bit programs, which a 64-bit process may use.
#pragma once

#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <scm/foreign.hpp>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif

namespace scm::test {

// Pages below 4 GiB, the last of which is not there.
class low_memory {
 public:
  static constexpr std::size_t page = 4096;
  static constexpr std::size_t size = 64 * page;

  low_memory() {
    void* const got =
        ::mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    REQUIRE(got != MAP_FAILED);
    start_ = static_cast<std::byte*>(got);
    REQUIRE(::mprotect(start_ + size, page, PROT_NONE) == 0);
  }
  low_memory(const low_memory&) = delete;
  low_memory& operator=(const low_memory&) = delete;
  ~low_memory() { ::munmap(start_, size + page); }

  [[nodiscard]] std::uint64_t address() const { return reinterpret_cast<std::uintptr_t>(start_); }
  [[nodiscard]] std::uint64_t end() const { return address() + size; }
  [[nodiscard]] std::span<std::byte> all() const { return {start_, size}; }
  [[nodiscard]] std::byte* at(std::uint64_t address) const { return start_ + (address - this->address()); }
  void put(std::uint64_t address, std::span<const std::byte> bytes) const {
    if (!bytes.empty()) std::memcpy(at(address), bytes.data(), bytes.size());
  }

 private:
  std::byte* start_;
};

// Adds a `long` of the layout; the upper half is cut off where it has none.
inline control_bytes& add_word(control_bytes& to, std::uint64_t value) {
  if (to.layout() == abi::lp64) return to.integer(value);
  return to.integer(static_cast<std::uint32_t>(value));
}

// Where things lie in low memory, and a message that the kernel takes until a test changes it.
struct passed_message {
  abi layout;
  std::uint64_t header_at, buffers_at, payload_at, name_at, control_at;
  foreign_header header;
  std::vector<foreign_buffer> buffers;

  passed_message(const low_memory& in, abi of)
      : layout{of},
        header_at{in.address() + 64},
        buffers_at{in.address() + low_memory::page},
        payload_at{in.address() + 8 * low_memory::page},
        name_at{in.address() + 512},
        control_at{in.address() + 16 * low_memory::page},
        header{.buffers = buffers_at, .buffer_count = 1},
        buffers{{payload_at, 1}} {}

  // With the fields' order written down once more: nothing here asks layout_of().
  void write(const low_memory& in) const {
    control_bytes bytes{layout};
    add_word(bytes, header.name);
    bytes.integer(header.name_size).pad();
    for (const auto value : {header.buffers, header.buffer_count, header.control, header.control_size}) {
      add_word(bytes, value);
    }
    bytes.integer(header.flags).pad();
    in.put(header_at, bytes);
    control_bytes array{layout};
    for (const auto& one : buffers) add_word(add_word(array, one.address), one.size);
    in.put(buffers_at, array);
  }
};

// The calls, in a layout: what the kernel answers, negative for an error.
class kernel_of {
 public:
  explicit kernel_of(abi layout) : layout_{layout} {}

  // Whether this kernel and machine have the layout.
  [[nodiscard]] bool there() const {
    if (layout_ == abi::native) return true;
#if defined(__x86_64__)
    static const bool answers = [] {
      const pid_t child = ::fork();
      if (child == 0) {
        ::signal(SIGSEGV, SIG_DFL);
        const bool right = narrow(20, 0, 0, 0) == ::getpid();
        ::_exit(right ? 0 : 1);
      }
      int status = -1;
      while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
      }
      return status == 0;
    }();
    return answers;
#else
    return false;
#endif
  }

  [[nodiscard]] long send(int socket, std::uint64_t header) const {
    return call(SYS_sendmsg, 370, socket, header, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  [[nodiscard]] long receive(int socket, std::uint64_t header, int flags = 0) const {
    return call(SYS_recvmsg, 372, socket, header, MSG_DONTWAIT | flags);
  }

 private:
  [[nodiscard]] long call(long native, [[maybe_unused]] long other, int socket, std::uint64_t header, int flags) const {
#if defined(__x86_64__)
    if (layout_ != abi::native) return narrow(other, socket, static_cast<long>(header), flags);
#endif
    const long done = ::syscall(native, socket, reinterpret_cast<void*>(static_cast<std::uintptr_t>(header)), flags);
    return done < 0 ? -errno : done;
  }
#if defined(__x86_64__)
  // The kernel's entry for 32-bit programs: everything that it is passed has their layout.
  static long narrow(long number, long first, long second, long third) {
    long done = number;
    __asm__ volatile("int $0x80"
                     : "+a"(done)
                     : "b"(first), "c"(second), "d"(third)
                     : "memory", "r8", "r9", "r10", "r11");
    return static_cast<int>(done);
  }
#endif

  abi layout_;
};

// The errno of a result, 0 for none.
template <class T>
int number_of(const result<T>& done) {
  if (done) return 0;
  REQUIRE(done.error().category() == std::system_category());
  return done.error().value();
}

}  // namespace scm::test
