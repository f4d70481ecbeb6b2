// Packets of records by hand, right and wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace scm::test {

inline std::string little(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i != bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

struct piece {
  std::string payload{};
  std::uint64_t descriptors = 0;
  std::uint64_t flags = 0;  // 1 more, 2 abandoned
  std::uint64_t reserved = 0;
  std::optional<std::uint64_t> size{};  // unless the payload's
};

struct packet {
  std::uint64_t number = 0;
  std::vector<piece> pieces{};
  std::uint64_t version = 1;
  std::uint64_t flags = 0;
  std::optional<std::uint64_t> descriptors{};  // unless the sum of the pieces'
  std::optional<std::uint64_t> size{};         // unless what it is

  std::size_t sum() const {
    std::uint64_t all = 0;
    for (const piece& one : pieces) all += one.descriptors;
    return static_cast<std::size_t>(descriptors ? *descriptors : all);
  }
  std::string bytes() const {
    std::string body;
    for (const piece& one : pieces) {
      body += little(one.size ? *one.size : one.payload.size(), 4) + little(one.descriptors, 2) + little(one.flags, 1) +
              little(one.reserved, 1) + one.payload;
    }
    return little(version, 1) + little(flags, 1) + little(sum(), 2) + little(size ? *size : 16 + body.size(), 4) +
           little(number, 8) + body;
  }
};

constexpr std::uint64_t more = 1;
constexpr std::uint64_t abandoned = 2;

}  // namespace scm::test
