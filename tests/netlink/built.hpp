// Netlink bytes, built without the code under test.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace scm::test {

struct built {
  std::vector<std::byte> bytes;

  template <class Number>
  built& number(Number value) {
    return append(&value, sizeof value);
  }
  built& bytes_of(std::string_view text) { return append(text.data(), text.size()); }
  built& header(std::uint32_t length, std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                std::uint32_t port) {
    return number(nlmsghdr{length, type, flags, sequence, port});
  }
  built& message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, std::uint32_t port,
                 std::span<const std::byte> payload) {
    header(static_cast<std::uint32_t>(sizeof(nlmsghdr) + payload.size()), type, flags, sequence, port);
    return padded(payload);
  }
  built& attribute(int type, std::span<const std::byte> payload) {
    number(static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()));
    number(static_cast<std::uint16_t>(type));
    return padded(payload);
  }

 private:
  built& append(const void* from, std::size_t size) {
    const auto* const first = static_cast<const std::byte*>(from);
    bytes.insert(bytes.end(), first, first + size);
    return *this;
  }
  built& padded(std::span<const std::byte> payload) {
    append(payload.data(), payload.size());
    bytes.resize((bytes.size() + 3) / 4 * 4);
    return *this;
  }
};

}  // namespace scm::test
