#include <scm/core/control_buffer.hpp>

#include "core/os_error.hpp"
#include "core/renew.hpp"

#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <utility>

namespace scm::inline v0_1 {

control_buffer::control_buffer(control_buffer&& other) noexcept
    : bytes_{std::move(other.bytes_)}, descriptors_{std::exchange(other.descriptors_, 0)}, layout_{other.layout_} {
  detail::renew(other.bytes_);
}

control_buffer& control_buffer::operator=(control_buffer&& other) noexcept {
  if (this != &other) {
    bytes_ = std::move(other.bytes_);
    descriptors_ = std::exchange(other.descriptors_, 0);
    layout_ = other.layout_;
    detail::renew(other.bytes_);
  }
  return *this;
}

result<void> control_buffer::reserve(std::size_t bytes) noexcept {
  if (bytes > limits::control_bytes) return std::unexpected{make_error_code(errc::over_limit)};
  try {
    bytes_.reserve(bytes);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return {};
}

template <abi Layout>
result<std::byte*> control_buffer::extend(int level, int type, std::size_t payload) noexcept {
  const std::size_t offset = bytes_.size();
  if (payload > limits::control_bytes) return std::unexpected{make_error_code(errc::over_limit)};  // no sum below wraps
  const std::size_t space = cmsg_space(payload, Layout);
  if (space > limits::control_bytes - offset) return std::unexpected{make_error_code(errc::over_limit)};
  try {
    bytes_.resize(offset + space, boost::container::default_init);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }

  std::byte* const header = bytes_.data() + offset;
  std::memset(header + space - 8, 0, 8);  // all padding, which is fewer bytes; the rest is about to be written
  const std::size_t length = cmsg_len(payload, Layout);
  std::size_t fields = 0;
  if constexpr (Layout == abi::lp64) {
    const auto wide = static_cast<std::uint64_t>(length);
    std::memcpy(header, &wide, fields = sizeof wide);
  } else {
    const auto narrow = static_cast<std::uint32_t>(length);
    std::memcpy(header, &narrow, fields = sizeof narrow);
  }
  std::memcpy(header + fields, &level, sizeof level);
  std::memcpy(header + fields + sizeof level, &type, sizeof type);
  return header + cmsg_header_size(Layout);
}

result<void> control_buffer::append(int level, int type, std::span<const std::byte> payload) noexcept {
  const bool rights = level == SOL_SOCKET && type == SCM_RIGHTS;
  const std::size_t slots = rights ? payload.size() / sizeof(int) : 0;
  if (slots > limits::descriptors_per_message - descriptors_) return std::unexpected{make_error_code(errc::over_limit)};
  const auto place = layout_ == abi::lp64 ? extend<abi::lp64>(level, type, payload.size())
                                          : extend<abi::ilp32>(level, type, payload.size());
  if (!place) return std::unexpected{place.error()};
  if (!payload.empty()) std::memcpy(*place, payload.data(), payload.size());
  descriptors_ += slots;
  return {};
}

[[gnu::flatten]] result<void> control_buffer::append_rights(std::span<const borrowed_fd> descriptors) noexcept {
  if (descriptors.empty()) return {};
  return append(SOL_SOCKET, SCM_RIGHTS, std::as_bytes(descriptors));
}

result<void> control_buffer::append_credentials(const credentials& sender) noexcept {
  const ucred native{sender.pid, sender.uid, sender.gid};
  return append(SOL_SOCKET, SCM_CREDENTIALS, std::as_bytes(std::span{&native, 1}));
}

void control_buffer::clear() noexcept {
  bytes_.clear();
  descriptors_ = 0;
}

}  // namespace scm::inline v0_1
