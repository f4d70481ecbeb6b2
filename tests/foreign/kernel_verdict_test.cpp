// The kernel as the judge: what it answers to a message is what is answered here, in both layouts.
#include "foreign/low_memory.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"

#include <scm/foreign.hpp>

#include <algorithm>
#include <climits>
#include <functional>
#include <optional>

using namespace scm;
using namespace scm::test;

namespace {

struct sockets {
  sockets() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    near.reset(ends[0]);
    far.reset(ends[1]);
  }
  owned_fd near, far;
};

struct trial {
  const char* name;
  std::function<void(passed_message&, const low_memory&)> change;
  std::optional<abi> only{};
};

void control_of(passed_message& message, const low_memory& in, const control_bytes& bytes, std::uint64_t size) {
  in.put(message.control_at, bytes);
  message.header.control = message.control_at;
  message.header.control_size = size;
}

// A control message of a level that Unix sockets skip, which claims a length, in as many bytes as it is cut to.
control_bytes skipped(abi layout, std::uint64_t length, std::size_t size) {
  return control_bytes{layout}.header(length, 99, 7).fill(64).cut(size);
}

const trial trials[] = {
    {"right", [](auto&, auto&) {}},
    {"no buffers, at a wrong address",
     [](auto& m, auto&) {
       m.header.buffers = 8;
       m.header.buffer_count = 0;
     }},
    {"1024 buffers",
     [](auto& m, auto&) {
       m.buffers.assign(1024, {m.payload_at, 1});
       m.header.buffer_count = 1024;
     }},
    {"1025 buffers", [](auto& m, auto&) { m.header.buffer_count = 1025; }},
    {"buffers beyond counting", [](auto& m, auto&) { m.header.buffer_count = ~std::uint64_t{0}; }},
    {"buffers whose count is 1 in its lower half",
     [](auto& m, auto&) { m.header.buffer_count = (std::uint64_t{1} << 32) + 1; }, abi::lp64},
    {"buffers at a wrong address", [](auto& m, auto&) { m.header.buffers = 8; }},
    {"buffers that end in the hole",
     [](auto& m, const auto& in) {
       m.header.buffers = m.buffers_at = in.end() - 2 * message_layout_of(m.layout).word;
       m.header.buffer_count = 2;
     }},
    {"a buffer of negative length", [](auto& m, auto&) { m.buffers[0].size = ~std::uint64_t{0}; }},
    {"a buffer of the most negative length",
     [](auto& m, auto&) { m.buffers[0].size = m.layout == abi::lp64 ? std::uint64_t{1} << 63 : 1U << 31; }},
    {"a second buffer of negative length, behind a wrong address",
     [](auto& m, auto&) {
       m.buffers = {{~std::uint64_t{0}, 1}, {m.payload_at, ~std::uint64_t{0}}};
       m.header.buffer_count = 2;
     }},
    {"an empty buffer at the last address", [](auto& m, auto&) { m.buffers = {{~std::uint64_t{0}, 0}}; }},
    {"an empty buffer at the last address, behind another",
     [](auto& m, auto&) {
       m.buffers = {{m.payload_at, 1}, {~std::uint64_t{0}, 0}};
       m.header.buffer_count = 2;
     }},
    {"buffers that reach from the process's half into the kernel's",
     [](auto& m, auto&) {
       m.buffers = {{m.payload_at, 1}, {m.payload_at, std::uint64_t{INT64_MAX}}};
       m.header.buffer_count = 2;
     },
     abi::lp64},
    {"a name of negative length",
     [](auto& m, auto&) {
       m.header.name = m.name_at;
       m.header.name_size = -1;
     }},
    {"a name of the most negative length",
     [](auto& m, auto&) {
       m.header.name = m.name_at;
       m.header.name_size = INT_MIN;
     }},
    {"no name, of negative length", [](auto& m, auto&) { m.header.name_size = -1; }},
    {"a name of negative length and too many buffers",
     [](auto& m, auto&) {
       m.header.name = m.name_at;
       m.header.name_size = -1;
       m.header.buffer_count = 1025;
     }},
    {"a name of no length at a wrong address", [](auto& m, auto&) { m.header.name = 8; }},
    {"a name at a wrong address",
     [](auto& m, auto&) {
       m.header.name = 8;
       m.header.name_size = 2;
     }},
    {"a name at a wrong address and too many buffers",
     [](auto& m, auto&) {
       m.header.name = 8;
       m.header.name_size = 2;
       m.header.buffer_count = 1025;
     }},
    {"a name that is longer than any",
     [](auto& m, auto&) {
       m.header.name = m.name_at;
       m.header.name_size = 4000;
     }},
    {"a longer name than any, of which there are 128 bytes",
     [](auto& m, const auto& in) {
       m.header.name = in.end() - 128;
       m.header.name_size = INT_MAX;
     }},
    {"a name of which the last byte is not there",
     [](auto& m, const auto& in) {
       m.header.name = in.end() - 109;
       m.header.name_size = 110;
     }},
    {"no control data, at a wrong address", [](auto& m, auto&) { m.header.control = 8; }},
    {"control data at no address", [](auto& m, auto&) { m.header.control_size = 24; }},
    {"control data at a wrong address",
     [](auto& m, auto&) {
       m.header.control = 8;
       m.header.control_size = 24;
     }},
    {"control data of less than a header at a wrong address",
     [](auto& m, auto&) {
       m.header.control = 8;
       m.header.control_size = 4;
     }},
    {"control data of 2 GiB at a wrong address",
     [](auto& m, auto&) {
       m.header.control = 8;
       m.header.control_size = std::uint64_t{1} << 31;
     }},
    {"control data beyond counting",
     [](auto& m, auto&) {
       m.header.control = 8;
       m.header.control_size = ~std::uint64_t{0};
     }},
    {"control data of 2 GiB and too many buffers",
     [](auto& m, auto&) {
       m.header.control = 8;
       m.header.control_size = std::uint64_t{1} << 31;
       m.header.buffer_count = 1025;
     }},
    {"control data of 2 GiB and a buffer of negative length",
     [](auto& m, auto&) {
       m.header.control = 8;
       m.header.control_size = std::uint64_t{1} << 31;
       m.buffers[0].size = ~std::uint64_t{0};
     }},
    {"control data of 11 MiB at a wrong address",
     [](auto& m, auto&) {
       m.header.control = 8;
       m.header.control_size = 11 << 20;
     },
     abi::lp64},  // for 32 bits the kernel reads of it what it comes to, which here is not taken on
    {"a control message", [](auto& m, const auto& in) { control_of(m, in, skipped(m.layout, 24, 24), 24); }},
    {"a control message without its padding",
     [](auto& m, const auto& in) { control_of(m, in, skipped(m.layout, 21, 21), 21); }},
    {"half a header", [](auto& m, const auto& in) { control_of(m, in, skipped(m.layout, 0, 8), 8); }},
    {"one byte after a control message",
     [](auto& m, const auto& in) { control_of(m, in, skipped(m.layout, 24, 25), 25); }},
    {"half a header after a control message",
     [](auto& m, const auto& in) { control_of(m, in, skipped(m.layout, 24, 32), 32); }},
    {"a control message that is longer than all",
     [](auto& m, const auto& in) { control_of(m, in, skipped(m.layout, 25, 24), 24); },
     abi::ilp32},  // for 64 bits later
    {"a wrong length in control data that ends in the hole",
     [](auto& m, const auto& in) {
       m.control_at = in.end() - 16;
       control_of(m, in, skipped(m.layout, 5, 16), 64);
     }},
    {"a right length in control data that ends in the hole",
     [](auto& m, const auto& in) {
       m.control_at = in.end() - 16;
       control_of(m, in, skipped(m.layout, 64, 16), 64);
     }},
    {"a wrong length in the last control message before the hole",
     [](auto& m, const auto& in) {
       m.control_at = in.end() - 48;
       control_of(m, in, skipped(m.layout, 32, 32).raw(skipped(m.layout, 3, 16)), 64);
     }},
};

// That nothing is there to be received is said after the message was found right.
int verdict(long answer) { return answer < 0 && answer != -EAGAIN ? static_cast<int>(-answer) : 0; }

}  // namespace

TEST_CASE("the kernel can be asked in both layouts", "[foreign][no-valgrind]") {
  if (!kernel_of{abi::ilp32}.there()) SCM_SKIP("no 32-bit programs here: the kernel is asked in 64 bits alone");
}

TEST_CASE("a message is refused with the errno that the kernel has for it, in both layouts", "[foreign][no-valgrind]") {
  const sockets between;
  const low_memory memory;
  process_memory self{::getpid()};
  const std::array segments{memory_image::segment{memory.address(), memory.all()}};
  memory_image image{segments};
  for (const abi layout : both_layouts) {
    const kernel_of kernel{layout};
    if (!kernel.there()) continue;
    for (const trial& one : trials) {
      if (one.only && *one.only != layout) continue;
      for (const message_use use : {message_use::send, message_use::receive}) {
        INFO(one.name << (layout == abi::lp64 ? ", 64 bits" : ", 32 bits")
                      << (use == message_use::send ? ", sent" : ", received"));
        passed_message message{memory, layout};
        one.change(message, memory);
        message.write(memory);

        const long said = use == message_use::send ? kernel.send(between.near.native_handle(), message.header_at)
                                                   : kernel.receive(between.far.native_handle(), message.header_at);
        const int wanted = verdict(said);
        message.write(memory);  // a receive writes, too
        CHECK(number_of(foreign_message::read(self, message.header_at, layout, use)) == wanted);
        CHECK(number_of(foreign_message::read(image, message.header_at, layout, use)) == wanted);
        // Nothing is left for the next.
        std::byte rest[8];
        while (::recv(between.far.native_handle(), rest, sizeof rest, MSG_DONTWAIT) > 0) {
        }
      }
    }
  }
}

TEST_CASE("the errno of a header that is not there is the kernel's, wherever it ends", "[foreign][no-valgrind]") {
  const sockets between;
  const low_memory memory;
  process_memory self{::getpid()};
  for (const abi layout : both_layouts) {
    const kernel_of kernel{layout};
    if (!kernel.there()) continue;
    const std::size_t size = message_layout_of(layout).header;
    for (std::size_t there = 0; there <= size; ++there) {
      const std::uint64_t at = memory.end() - there;
      const int wanted = there == size ? 0 : EFAULT;
      std::memset(memory.at(memory.end() - there), 0, there);
      CHECK(std::min(0L, kernel.send(between.near.native_handle(), at)) == -wanted);
      CHECK(number_of(foreign_message::read(self, at, layout, message_use::send)) == wanted);
    }
    CHECK(kernel.send(between.near.native_handle(), 0) == -EFAULT);
    CHECK(number_of(foreign_message::read(self, 0, layout, message_use::send)) == EFAULT);
  }
  CHECK(number_of(foreign_message::read(self, ~std::uint64_t{0} - 7, abi::lp64, message_use::send)) == EFAULT);
}

TEST_CASE("a time to wait is refused when the kernel refuses it", "[foreign][no-valgrind]") {
  const sockets between;
  const foreign_time times[] = {{0, 0},  {0, 999'999'999}, {0, 1'000'000'000}, {0, -1},
                                {-1, 0}, {1, 5},           {INT64_MAX, 0},     {0, INT64_MAX}};
  for (const foreign_time& time : times) {
    std::array<std::byte, 16> bytes;
    REQUIRE(encode_time(time, time_layout::lp64, bytes));
    // recvmmsg with a 64-bit timespec, of no messages: the time is all that it looks at.
#if defined(SYS_recvmmsg_time64)
    const long number = SYS_recvmmsg_time64;
#else
    const long number = SYS_recvmmsg;
#endif
    const long said = ::syscall(number, between.near.native_handle(), nullptr, 0, MSG_DONTWAIT, bytes.data());
    const int wanted = said < 0 ? errno : 0;
    INFO(time.seconds << " s, " << time.fraction);
    // A 32-bit program's nanoseconds are 32 bits.
    const auto layout = sizeof(long) == 8 ? time_layout::lp64 : time_layout::time64;
    CHECK(number_of(as_timeout(decode_time(bytes, layout))) == wanted);
  }
}
