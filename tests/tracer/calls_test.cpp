// Which call a stopped thread makes, from its numbers and, for socketcall(2), from its memory; and what lies near a
// header.
#include "service/tracer_calls.hpp"
#include "service/tracer_memory.hpp"
#include "support/catch.hpp"

#include <linux/audit.h>
#include <linux/net.h>
#include <sys/syscall.h>

#include <array>
#include <cstring>
#include <vector>

using namespace scm;
using detail::asked_by;
using detail::call_numbers;

namespace {

// Counts the reads, and tells of them in order.
class counted_memory final : public foreign_memory {
 public:
  explicit counted_memory(std::span<const memory_image::segment> segments) : image_{segments} {}
  result<std::size_t> read(std::span<const foreign_source> parts) noexcept override {
    ++reads;
    return image_.read(parts);
  }
  result<std::size_t> write(std::span<const foreign_target> parts) noexcept override { return image_.write(parts); }
  int reads = 0;

 private:
  memory_image image_;
};

}  // namespace

#if defined(__x86_64__)
TEST_CASE("a call is known by its machine's number, and so are those of i386", "[tracer]") {
  memory_image nothing{{}};
  const auto send = asked_by({AUDIT_ARCH_X86_64, SYS_sendmsg, {5, 0x1000, 0x40, 9, 9, 9}}, nothing);
  REQUIRE(send);
  CHECK(send->call == message_call::sendmsg);
  CHECK(send->layout == abi::lp64);
  CHECK(send->socket == 5);
  CHECK(send->header == 0x1000);
  CHECK(send->count == 1);
  CHECK(send->flags == 0x40);
  const auto many = asked_by({AUDIT_ARCH_I386, 417, {5, 0x1000, 5000, 0x40}}, nothing);
  REQUIRE(many);
  CHECK(many->call == message_call::recvmmsg);
  CHECK(many->layout == abi::ilp32);
  CHECK(many->count == 1024);
  CHECK(many->flags == 0x40);
  CHECK(asked_by({AUDIT_ARCH_X86_64, SYS_sendmsg, {0xffffffff}}, nothing)->socket == -1);
}

TEST_CASE("a call of another kind, or of x32, is none of ours", "[tracer]") {
  memory_image nothing{{}};
  CHECK(asked_by({AUDIT_ARCH_X86_64, SYS_read, {}}, nothing).error() == errc::unsupported);
  CHECK(asked_by({AUDIT_ARCH_X86_64, SYS_sendmsg | 0x40000000, {}}, nothing).error() == errc::unsupported);
  CHECK(asked_by({AUDIT_ARCH_I386, SYS_sendmsg, {}}, nothing).error() == errc::unsupported);
  CHECK(asked_by({AUDIT_ARCH_AARCH64, 370, {}}, nothing).error() == errc::unsupported);
  CHECK(asked_by({AUDIT_ARCH_I386, 102, {SYS_SENDTO, 0x1000}}, nothing).error() == errc::unsupported);
}

TEST_CASE("the arguments of socketcall are read from where they are, and EFAULT where they are not", "[tracer]") {
  std::array<std::uint32_t, 4> arguments{7, 0x2000, 3, 0x100};
  const memory_image::segment there[] = {{0x1000, std::as_writable_bytes(std::span{arguments})}};
  memory_image memory{there};
  const auto many = asked_by({AUDIT_ARCH_I386, 102, {SYS_SENDMMSG, 0x1000}}, memory);
  REQUIRE(many);
  CHECK(many->call == message_call::sendmmsg);
  CHECK(many->socket == 7);
  CHECK(many->header == 0x2000);
  CHECK(many->count == 3);
  CHECK(many->flags == 0x100);
  CHECK(asked_by({AUDIT_ARCH_I386, 102, {SYS_RECVMSG, 0x1000}}, memory)->flags == 3);
  // Three arguments at the end of what is there are enough for a call that has three.
  CHECK(asked_by({AUDIT_ARCH_I386, 102, {SYS_SENDMSG, 0x1004}}, memory)->flags == 0x100);
  CHECK(asked_by({AUDIT_ARCH_I386, 102, {SYS_SENDMMSG, 0x1004}}, memory).error() == std::errc::bad_address);
}
#endif

TEST_CASE("what lies near the first address is read with it, and the rest as ever", "[tracer]") {
  std::vector<std::byte> page(4096), far(64);
  for (std::size_t i = 0; i != page.size(); ++i) page[i] = static_cast<std::byte>(i * 7);
  for (std::size_t i = 0; i != far.size(); ++i) far[i] = static_cast<std::byte>(i);
  const memory_image::segment there[] = {{0x10000, page}, {0x30000, far}};
  counted_memory whole{there};
  std::array<std::byte, 100> into{};
  const auto same = [&](std::uint64_t at, std::size_t size) {
    return std::memcmp(into.data(), page.data() + (at - 0x10000), size) == 0;
  };
  for (const std::uint64_t at : {0x10000U, 0x10800U, 0x10fd0U}) {
    INFO(at);
    whole.reads = 0;
    detail::nearby_memory near{whole, at};
    const foreign_source first{at, std::span{into}.first(40)};
    CHECK(near.read({&first, 1}).value() == 40);
    CHECK(same(at, 40));
    const foreign_source second{at + 4, std::span{into}.first(16)};
    CHECK(near.read({&second, 1}).value() == 16);
    CHECK(same(at + 4, 16));
    CHECK(whole.reads == 1);
    std::array<std::byte, 8> other{};
    const foreign_source mixed[] = {
        {at, std::span{into}.first(8)}, {0x30008, other}, {at + 8, std::span{into}.first(8)}};
    CHECK(near.read(mixed).value() == 24);
    CHECK(other[0] == std::byte{8});
    CHECK(whole.reads == 2);
  }
}

TEST_CASE("near a hole as elsewhere, only what is there before the first that is not counts", "[tracer]") {
  std::vector<std::byte> bytes(48);
  const memory_image::segment there[] = {{0x10fe0, bytes}};  // 32 bytes to the end of a page, and 16 behind it
  counted_memory whole{there};
  std::array<std::byte, 64> into{};
  detail::nearby_memory near{whole, 0x10fe0};
  const foreign_source across{0x10fe8, std::span{into}.first(40)};
  CHECK(near.read({&across, 1}).value() == 40);
  const foreign_source beyond[] = {{0x10fe0, std::span{into}.first(8)}, {0x11008, std::span{into}.first(16)}};
  CHECK(near.read(beyond).value() == 16);
  const foreign_source wrapped{~std::uint64_t{0} - 3, std::span{into}.first(8)};
  CHECK(near.read({&wrapped, 1}).value() == 0);
}
