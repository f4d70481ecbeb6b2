/// The memory of a stopped thread, of which what lies near a message's header is read once for all.
#pragma once

#include <scm/foreign/memory.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace scm::inline v0_1::detail {

/// Reads around `address` with the first read, and answers what lies there from the copy: a header, its buffers' array,
/// control data and short payloads are neighbours on most stacks, and a system call for each is what a trace is made
/// of. The window ends with the page, so that it is there whole if any of it is. Writes go by it; it is for one look.
class nearby_memory final : public foreign_memory {
 public:
  nearby_memory(foreign_memory& whole, std::uint64_t address) noexcept;

  [[nodiscard]] result<std::size_t> read(std::span<const foreign_source> parts) noexcept override;
  /// Whether all of it is near, so that one read does; otherwise one of all parts is better than one of some.
  [[nodiscard]] bool covers(std::span<const foreign_source> parts) const noexcept;

  [[nodiscard]] result<std::size_t> write(std::span<const foreign_target> parts) noexcept override {
    return whole_->write(parts);
  }

 private:
  [[nodiscard]] std::size_t room() const noexcept;
  [[nodiscard]] bool take(const foreign_source& part) const noexcept;

  foreign_memory* whole_;
  std::uint64_t start_;
  std::size_t size_ = 0;
  bool read_ = false;
  std::array<std::byte, 1024> window_;  // not cleared
};

}  // namespace scm::inline v0_1::detail
