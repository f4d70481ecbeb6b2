/// The words that stand for numbers in expectations, refusals and listings: printed and read, and so never changed.
#pragma once

#include <scm/inspect/description.hpp>
#include <scm/inspect/seals.hpp>

#include <sys/socket.h>

#include <array>
#include <optional>
#include <string_view>

namespace scm::inline v0_1::detail {

template <class Value>
struct word {
  std::string_view text;
  Value value;
};

inline constexpr auto access_words = std::to_array<word<access_mode>>({{"r", access_mode::read},
                                                                       {"w", access_mode::write},
                                                                       {"rw", access_mode::read_write},
                                                                       {"none", access_mode::none}});

inline constexpr auto flag_words = std::to_array<word<bool status_flags::*>>({{"append", &status_flags::append},
                                                                              {"nonblock", &status_flags::nonblock},
                                                                              {"direct", &status_flags::direct},
                                                                              {"sync", &status_flags::sync},
                                                                              {"dsync", &status_flags::dsync},
                                                                              {"async", &status_flags::async},
                                                                              {"noatime", &status_flags::noatime}});

inline constexpr auto seal_words = std::to_array<word<seal>>({{"seal", seal::sealing},
                                                              {"shrink", seal::shrink},
                                                              {"grow", seal::grow},
                                                              {"write", seal::write},
                                                              {"future_write", seal::future_write},
                                                              {"exec", seal::executable}});

inline constexpr auto family_words = std::to_array<word<int>>({{"unix", AF_UNIX},
                                                               {"inet", AF_INET},
                                                               {"inet6", AF_INET6},
                                                               {"netlink", AF_NETLINK},
                                                               {"packet", AF_PACKET},
                                                               {"vsock", AF_VSOCK}});

inline constexpr auto type_words = std::to_array<word<int>>(
    {{"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM}, {"seqpacket", SOCK_SEQPACKET}, {"raw", SOCK_RAW}});

/// The word of a value; empty when it has none.
template <class Value, std::size_t Size>
constexpr std::string_view word_of(const std::array<word<Value>, Size>& words, Value value) noexcept {
  for (const auto& one : words) {
    if (one.value == value) return one.text;
  }
  return {};
}

/// The value of a word.
template <class Value, std::size_t Size>
constexpr std::optional<Value> value_of(const std::array<word<Value>, Size>& words, std::string_view text) noexcept {
  for (const auto& one : words) {
    if (one.text == text) return one.value;
  }
  return {};
}

}  // namespace scm::inline v0_1::detail
