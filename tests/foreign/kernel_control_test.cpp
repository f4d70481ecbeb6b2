// The kernel as the judge of control data in both layouts: what a receiver gets, and what a sender may send.
#include "foreign/low_memory.hpp"
#include "support/catch.hpp"

#include "core/uapi.hpp"

#include <scm/core/control_items.hpp>
#include <scm/foreign.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace scm;
using namespace scm::test;

namespace {

class sockets {
 public:
  sockets() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    near_.reset(ends[0]);
    far_.reset(ends[1]);
  }
  bool enable(int option, int value = 1) const {
    return ::setsockopt(far_.native_handle(), SOL_SOCKET, option, &value, sizeof value) == 0;
  }
  int near() const { return near_.native_handle(); }
  int far() const { return far_.native_handle(); }

 private:
  owned_fd near_, far_;
};

// What a receive delivered; closes the descriptors that came.
struct delivered {
  std::vector<std::byte> control;
  std::uint32_t flags = 0;

  void close_all(abi layout) const {
    control_view walk{control, layout};
    while (const auto item = walk.next()) {
      const auto kind = kind_of(*item);
      if (kind != control_kind::rights && kind != control_kind::pidfd) continue;
      const auto slots = as_rights(*item);
      for (std::size_t i = 0; i != slots.size(); ++i) const owned_fd closing{slots[i]};
    }
  }
};

delivered receive(const low_memory& in, const sockets& from, abi layout, std::size_t room, int flags) {
  passed_message message{in, layout};
  message.header.control = message.control_at;
  message.header.control_size = room;
  std::memset(in.at(message.control_at), 0xaa, 4096);
  message.write(in);
  REQUIRE(kernel_of{layout}.receive(from.far(), message.header_at, flags | MSG_CMSG_CLOEXEC) == 1);
  const auto after = decode_header({in.at(message.header_at), low_memory::page}, layout);
  const std::byte* const start = in.at(message.control_at);
  return {{start, start + after.control_size}, after.flags};
}

// Descriptors differ from one receive to the next, in number only.
bool same_items(std::span<const std::byte> a, std::span<const std::byte> b, abi layout) {
  control_view left{a, layout}, right{b, layout};
  for (;;) {
    const auto one = left.next();
    const auto other = right.next();
    if (!one || !other) return !one && !other && left.error() == right.error();
    if (one->level != other->level || one->type != other->type || one->offset != other->offset) return false;
    const auto kind = kind_of(*one);
    const bool numbers = kind == control_kind::rights || kind == control_kind::pidfd;
    if (numbers ? one->payload.size() != other->payload.size() : !std::ranges::equal(one->payload, other->payload)) {
      return false;
    }
  }
}

struct items {
  const char* name;
  std::vector<std::pair<int, int>> options;
};

}  // namespace

TEST_CASE("what is placed for a receiver is what the kernel gives one of its layout, with room for any number of bytes",
          "[foreign][no-valgrind]") {
  constexpr int software = 1 << 3 | 1 << 4;  // SOF_TIMESTAMPING_RX_SOFTWARE and SOF_TIMESTAMPING_SOFTWARE
  const items all[] = {
      {"nothing else", {}},
      {"credentials", {{SO_PASSCRED, 1}}},
      {"a pidfd", {{uapi::so_passpidfd, 1}}},
      {"a time in nanoseconds", {{uapi::so_timestampns, 1}}},
      {"a time in microseconds", {{uapi::scm_timestamp, 1}}},
      {"a time of 64 bits", {{uapi::scm_timestampns_new, 1}}},
      {"three times", {{uapi::so_timestamping, software}}},
      {"credentials, a pidfd, a time", {{SO_PASSCRED, 1}, {uapi::so_passpidfd, 1}, {uapi::so_timestampns, 1}}}};
  const low_memory memory;
  int compared = 0;
  for (const abi layout : both_layouts) {
    if (!kernel_of{layout}.there()) continue;
    for (const items& with : all) {
      const sockets between;
      bool has_all = true;
      for (const auto& [option, value] : with.options) has_all = between.enable(option, value) && has_all;
      if (!has_all) continue;  // an older kernel
      for (const std::size_t descriptors : {0U, 1U, 2U, 3U}) {
        for (std::size_t room = 0; room <= 160; ++room) {
          INFO(with.name << " and " << descriptors << " descriptors into " << room << " bytes, "
                         << (layout == abi::lp64 ? "64 bits" : "32 bits"));
          control_buffer control;
          const borrowed_fd files[] = {borrowed_fd{0}, borrowed_fd{1}, borrowed_fd{2}};
          REQUIRE(control.append_rights(std::span{files}.first(descriptors)));
          char byte = 'x';
          iovec buffer{&byte, 1};
          msghdr sent{};
          sent.msg_iov = &buffer;
          sent.msg_iovlen = 1;
          sent.msg_control = const_cast<std::byte*>(control.bytes().data());
          sent.msg_controllen = control.bytes().size();
          REQUIRE(::sendmsg(between.near(), &sent, MSG_DONTWAIT) == 1);

          // The same message twice: as a supervisor would see it, and as the receiver would.
          const delivered whole = receive(memory, between, abi::native, 1024, MSG_PEEK);
          const delivered wanted = receive(memory, between, layout, room, 0);
          control_placer placer{layout, room};
          control_view walk{whole.control};
          while (const auto item = walk.next()) {
            const std::size_t fitting = placer.descriptors_that_fit();
            REQUIRE(placer.put(*item));
            if (kind_of(*item) == control_kind::rights) CHECK(placer.cut() == (fitting < descriptors));
          }
          CHECK(placer.bytes().size() == wanted.control.size());
          CHECK(placer.cut() == ((wanted.flags & MSG_CTRUNC) != 0));
          CHECK(same_items(placer.bytes(), wanted.control, layout));
          whole.close_all(abi::native);
          wanted.close_all(layout);
          ++compared;
        }
      }
    }
  }
  CHECK(compared >= 5 * 4 * 161);
}

TEST_CASE("control data of wrong lengths is refused when the kernel refuses it, in both layouts",
          "[foreign][no-valgrind]") {
  const low_memory memory;
  const sockets between;
  std::minstd_rand random{1};
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  for (const abi layout : both_layouts) {
    const kernel_of kernel{layout};
    if (!kernel.there()) continue;
    int accepted = 0;
    for (int round = 0; round != 20'000; ++round) {
      control_bytes bytes{layout};
      // Lengths near the header's and near what is there; a level that Unix sockets skip.
      for (unsigned messages = below(4); messages != 0; --messages) {
        const unsigned length = below(8) == 0 ? below(40) : (layout == abi::lp64 ? 16 : 12) + below(12);
        bytes.header(length, 99, 7).fill(below(8) == 0 ? below(16) : std::max(length, 16U) - 12).pad();
      }
      bytes.fill(below(4) == 0 ? below(20) : 0);
      const std::size_t size = below(4) == 0 ? below(static_cast<unsigned>(bytes.size()) + 1) : bytes.size();

      passed_message message{memory, layout};
      std::memset(memory.at(message.control_at), 0, 512);
      memory.put(message.control_at, bytes);
      message.header.control = message.control_at;
      message.header.control_size = size;
      message.write(memory);
      const long said = kernel.send(between.near(), message.header_at);
      std::byte rest[8];
      if (said >= 0) REQUIRE(::recv(between.far(), rest, sizeof rest, MSG_DONTWAIT) == 1);

      const auto sent = bytes.view().first(size);
      INFO((layout == abi::lp64 ? "64 bits, " : "32 bits, ") << size << " bytes");
      REQUIRE(number_of(convert_sent_control(sent, layout)) == std::max(0L, -said));
      if (layout == abi::ilp32) REQUIRE(number_of(check_sent_control(sent, layout)) == std::max(0L, -said));
      accepted += said >= 0;
    }
    CHECK(accepted > 1000);
    CHECK(accepted < 19'000);
  }
}

TEST_CASE("control data that is sent for another layout arrives as if it had been sent from there",
          "[foreign][no-valgrind]") {
  const low_memory memory;
  const sockets between;
  REQUIRE(between.enable(SO_PASSCRED));
  for (const abi layout : both_layouts) {
    if (!kernel_of{layout}.there()) continue;
    control_bytes bytes{layout};
    const auto own = [](auto id) { return static_cast<std::int32_t>(id); };
    bytes.message(SOL_SOCKET, SCM_RIGHTS, {0, 1, 2}).pad();
    bytes.message(99, 5, {1, 2, 3}).pad();
    bytes.message(SOL_SOCKET, SCM_CREDENTIALS, {own(::getpid()), own(::getuid()), own(::getgid())}).pad();
    bytes.message(SOL_SOCKET, SCM_RIGHTS, {2});

    passed_message message{memory, layout};
    memory.put(message.control_at, bytes);
    message.header.control = message.control_at;
    message.header.control_size = bytes.size();
    message.write(memory);
    REQUIRE(kernel_of{layout}.send(between.near(), message.header_at) == 1);
    const delivered wanted = receive(memory, between, abi::native, 1024, 0);
    wanted.close_all(abi::native);

    const auto converted = convert_sent_control(bytes, layout);
    REQUIRE(converted);
    passed_message again{memory, abi::native};
    memory.put(again.control_at, converted->bytes());
    again.header.control = again.control_at;
    again.header.control_size = converted->bytes().size();
    again.write(memory);
    REQUIRE(kernel_of{abi::native}.send(between.near(), again.header_at) == 1);
    const delivered got = receive(memory, between, abi::native, 1024, 0);
    got.close_all(abi::native);
    CHECK(wanted.control.size() == got.control.size());
    CHECK(same_items(wanted.control, got.control, abi::native));
  }
}

TEST_CASE("an answer is written as the kernel writes it, for any room for the name, in both layouts",
          "[foreign][no-valgrind]") {
  const low_memory memory, other;
  const sockets between;
  const sockaddr unnamed{AF_UNIX, {}};
  REQUIRE(::bind(between.near(), &unnamed, sizeof unnamed.sa_family) == 0);  // a name of the kernel's choice, 8 bytes
  REQUIRE(between.enable(SO_PASSCRED));
  for (const abi layout : both_layouts) {
    if (!kernel_of{layout}.there()) continue;
    for (int name_room = -1; name_room <= 12; ++name_room) {  // -1: no address for it
      for (const std::size_t room : {0U, 10U, 20U, 64U}) {
        INFO(name_room << " bytes for the name, " << room << " for control data, "
                       << (layout == abi::lp64 ? "64 bits" : "32 bits"));
        REQUIRE(::send(between.near(), "payload", 7, MSG_DONTWAIT) == 7);

        // As a supervisor receives it.
        std::array<std::byte, 16> payload{};
        std::array<std::byte, 128> name{}, control{};
        iovec buffer{payload.data(), payload.size()};
        msghdr own{};
        own.msg_name = name.data();
        own.msg_namelen = name.size();
        own.msg_iov = &buffer;
        own.msg_iovlen = 1;
        own.msg_control = control.data();
        own.msg_controllen = control.size();
        REQUIRE(::recvmsg(between.far(), &own, MSG_PEEK | MSG_DONTWAIT) == 7);
        control_placer placer{layout, room};
        control_view walk{std::span{control}.first(own.msg_controllen)};
        while (const auto item = walk.next()) REQUIRE(placer.put(*item));

        const auto passed_in = [&](const low_memory& in) {
          passed_message message{in, layout};
          std::ranges::fill(in.all(), std::byte{0xaa});
          if (name_room >= 0) message.header.name = message.name_at;
          message.header.name_size = name_room;
          message.header.control = message.control_at;
          message.header.control_size = room;
          message.buffers = {{message.payload_at, 3}, {message.payload_at + 10, 30}};
          message.header.buffer_count = 2;
          message.write(in);
          return message;
        };
        const auto by_kernel = passed_in(memory);
        REQUIRE(kernel_of{layout}.receive(between.far(), by_kernel.header_at) == 7);

        const auto here = passed_in(other);
        const std::array segments{memory_image::segment{other.address(), other.all()}};
        memory_image image{segments};
        const auto message = foreign_message::read(image, here.header_at, layout, message_use::receive);
        REQUIRE(message);
        const auto flags = static_cast<std::uint32_t>(placer.cut() ? MSG_CTRUNC : 0);
        REQUIRE(message->write_back(image, {.payload = std::span{payload}.first(7),
                                            .control = placer.bytes(),
                                            .name = std::span{name}.first(own.msg_namelen),
                                            .flags = flags}));

        // All that was written, and all that was not; the headers but for their addresses.
        foreign_header wanted = decode_header({memory.at(by_kernel.header_at), 56}, layout);
        wanted.name = here.header.name;
        wanted.buffers = here.header.buffers;
        wanted.control = here.header.control;
        CHECK(decode_header({other.at(here.header_at), 56}, layout) == wanted);
        for (const auto at : {&passed_message::name_at, &passed_message::payload_at}) {
          CHECK(std::memcmp(memory.at(by_kernel.*at), other.at(here.*at), 256) == 0);
        }
        // The kernel leaves out the padding.
        const auto size = static_cast<std::size_t>(wanted.control_size);
        const std::byte* const control_there = memory.at(by_kernel.control_at);
        const std::byte* const control_here = other.at(here.control_at);
        CHECK(same_items({control_there, size}, {control_here, size}, layout));
        CHECK(std::memcmp(control_there + size, control_here + size, 256) == 0);
      }
    }
  }
}
