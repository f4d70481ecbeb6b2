// A program's memory with a message in it, and the desk and the kernel to carry its calls out with.
#pragma once

#include "service/supervisor_call.hpp"
#include "supervisor/fake_kernel.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace scm::test {

// Messages lie at 0x10000, one of a batch after the other, each with a buffer, control data and a name of its own.
class scene {
 public:
  explicit scene(abi of = abi::native) : layout{of} {
    if (!desk.rights.reserve(253) || !desk.pidfds.reserve(4)) throw std::bad_alloc{};
    for (std::size_t i = 0; i != messages; ++i) message(i, 16, 64, 0);
  }
  scene(const scene&) = delete;
  scene& operator=(const scene&) = delete;

  static constexpr std::size_t messages = 4;
  static constexpr std::uint64_t base = 0x10000, payload_at = base + 0x1000, control_at = base + 0x9000,
                                 name_at = base + 0xb000, vectors_at = base + 0xc000, times_at = base + 0xd000;
  abi layout;
  std::vector<std::byte> bytes = std::vector<std::byte>(0x10000);
  std::array<memory_image::segment, 1> segments{{{base, bytes}}};
  detail::supervised_desk desk;
  fake_kernel kernel{segments};

  std::span<std::byte> at(std::uint64_t address) { return std::span{bytes}.subspan(address - base); }
  std::uint64_t header(std::size_t i) const { return base + i * message_layout_of(layout).batch_header; }
  std::uint64_t payload(std::size_t i) const { return payload_at + i * 0x2000; }
  std::uint64_t control(std::size_t i) const { return control_at + i * 0x800; }

  void message(std::size_t i, std::size_t payload_size, std::size_t control_size, std::size_t name_size) {
    const foreign_header fields{.name = name_size != 0 ? name_at : 0,
                                .name_size = static_cast<std::int32_t>(name_size),
                                .buffers = vectors_at + i * 16,
                                .buffer_count = 1,
                                .control = control_size != 0 ? control(i) : 0,
                                .control_size = control_size,
                                .flags = 0};
    (void)encode_header(fields, layout, at(header(i)));
    (void)encode_buffer({payload(i), payload_size}, layout, at(vectors_at + i * 16));
  }
  foreign_header fields(std::size_t i = 0) { return decode_header(at(header(i)), layout); }
  std::uint32_t length(std::size_t i) {
    return detail::load<std::uint32_t>(at(header(i)), message_layout_of(layout).batch_length);
  }
  void put(std::uint64_t address, std::string_view text) { std::memcpy(at(address).data(), text.data(), text.size()); }
  std::string text(std::uint64_t address, std::size_t size) {
    return {reinterpret_cast<const char*>(at(address).data()), size};
  }
  // Control data with so many descriptors, 3 and on; sets the size to what it takes.
  void rights(std::size_t i, std::vector<int> numbers, std::size_t payload_size) {
    const auto payload = std::as_bytes(std::span{numbers});
    const control_bytes made = control_bytes{layout}.header(cmsg_len(payload.size(), layout), SOL_SOCKET, SCM_RIGHTS);
    std::ranges::copy(made.view(), at(control(i)).begin());
    std::ranges::copy(payload, at(control(i)).subspan(cmsg_header_size(layout)).begin());
    message(i, payload_size, cmsg_space(payload.size(), layout), 0);
  }
  // The numbers in the first control message.
  std::vector<int> numbers(std::size_t i = 0) {
    control_view walk{at(control(i)).first(fields(i).control_size), layout};
    std::vector<int> found;
    if (const auto first = walk.next(); first && kind_of(*first) == control_kind::rights) {
      for (std::size_t n = 0; n != as_rights(*first).size(); ++n) found.push_back(as_rights(*first)[n]);
    }
    return found;
  }

  detail::call_request request(message_use use, std::uint32_t flags = 0) const {
    return {.use = use, .layout = layout, .descriptor = 3, .flags = flags, .address = base};
  }
  detail::call_request batch(message_use use, std::uint32_t count, std::uint32_t flags = 0) const {
    return {.use = use,
            .batch = true,
            .layout = layout,
            .descriptor = 3,
            .flags = flags,
            .address = base,
            .count = count,
            .timeout_layout = layout == abi::lp64 ? time_layout::lp64 : time_layout::ilp32};
  }
  detail::supervised_call call(const detail::call_request& asked) { return detail::supervised_call{asked, desk}; }
  // The answer of a call that has one at once.
  std::int64_t answer(const detail::call_request& asked) {
    detail::supervised_call made = call(asked);
    const auto step = made.advance(kernel);
    CHECK_FALSE(step.waits());
    return step.answer;
  }
};

}  // namespace scm::test
