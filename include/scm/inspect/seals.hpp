/// Seals: what nobody can do to a memfd any more.
#pragma once

#include <scm/core/config.hpp>

namespace scm::inline v0_1 {

/// F_SEAL_* of fcntl(2), by the kernel's numbers.
enum class seal : unsigned {
  sealing = 0x01,       ///< No more seals. A memfd made without MFD_ALLOW_SEALING has this one alone.
  shrink = 0x02,        ///< The size cannot get less: reading a mapping up to it cannot raise SIGBUS.
  grow = 0x04,          ///< The size cannot get more.
  write = 0x08,         ///< The content cannot change.
  future_write = 0x10,  ///< Only mappings made before can still write (Linux 5.1).
  executable = 0x20,    ///< The execute bits of the mode cannot change (Linux 6.3).
};

/// A set of seals. Numbers that this library does not know are kept.
struct seal_set {
  unsigned bits = 0;

  [[nodiscard]] constexpr bool contains(seal one) const noexcept { return (bits & static_cast<unsigned>(one)) != 0; }
  [[nodiscard]] constexpr bool contains(seal_set all) const noexcept { return (bits & all.bits) == all.bits; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits == 0; }

  friend constexpr seal_set operator|(seal_set a, seal_set b) noexcept { return {a.bits | b.bits}; }
  friend constexpr seal_set operator|(seal_set a, seal b) noexcept { return {a.bits | static_cast<unsigned>(b)}; }
  friend constexpr bool operator==(seal_set, seal_set) noexcept = default;
};

}  // namespace scm::inline v0_1
