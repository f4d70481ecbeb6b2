/// What a receiver insists on of a descriptor: a value to state, to read from text, and to hold a descriptor to.
#pragma once

#include <scm/inspect/description.hpp>
#include <scm/inspect/kind.hpp>
#include <scm/inspect/seals.hpp>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>

namespace scm::inline v0_1 {

/// A set of kinds, access modes or the like: `{descriptor_kind::memfd, descriptor_kind::regular_file}`.
template <class Member>
class set_of {
 public:
  constexpr set_of() noexcept = default;
  constexpr set_of(Member one) noexcept { insert(one); }
  constexpr set_of(std::initializer_list<Member> members) noexcept {
    for (const Member one : members) insert(one);
  }
  constexpr void insert(Member one) noexcept { bits_ |= bit(one); }
  [[nodiscard]] constexpr bool contains(Member one) const noexcept { return (bits_ & bit(one)) != 0; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] constexpr std::uint32_t bits() const noexcept { return bits_; }  ///< 1 << member, for each.
  friend constexpr bool operator==(set_of, set_of) noexcept = default;
  friend constexpr set_of operator|(set_of a, set_of b) noexcept { return of_bits(a.bits_ | b.bits_); }
  friend constexpr set_of operator&(set_of a, set_of b) noexcept { return of_bits(a.bits_ & b.bits_); }
  /// Those of `a` that are not in `b`.
  friend constexpr set_of operator-(set_of a, set_of b) noexcept { return of_bits(a.bits_ & ~b.bits_); }

 private:
  static constexpr set_of of_bits(std::uint32_t bits) noexcept {
    set_of made;
    made.bits_ = bits;
    return made;
  }
  static constexpr std::uint32_t bit(Member one) noexcept { return std::uint32_t{1} << static_cast<unsigned>(one); }
  std::uint32_t bits_ = 0;
};

using kind_set = set_of<descriptor_kind>;
using access_set = set_of<access_mode>;

/// Every kind, those that `expectation` leaves out included.
inline constexpr kind_set any_kind = [] {
  kind_set all;
  for (int i = 0; i <= static_cast<int>(descriptor_kind::anonymous); ++i) all.insert(static_cast<descriptor_kind>(i));
  return all;
}();

/// Bytes, both ends included.
struct size_range {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  [[nodiscard]] constexpr bool contains(std::uint64_t size) const noexcept { return least <= size && size <= most; }
  friend constexpr bool operator==(const size_range&, const size_range&) noexcept = default;
};

/// What one descriptor must be. What is not said is not looked at, but for the kind. Marked (now): true when it is
/// looked at, and then the sender, or whoever else holds the same object, can change it again. The rest stays as it is
/// for as long as the descriptor is open.
struct expectation {
  /// One of these. Empty: any but those that hand over more than an open file, and so must be asked for by name:
  /// directory (a way to everything below, and by ".." above), path_handle (can be opened anew, for writing too),
  /// io_uring, seccomp_listener, userfaultfd (make whoever uses them wait for the sender), unknown.
  kind_set kinds{};
  /// One of these. Read access to a file is no promise that its content stays; and who can reach the file by a path,
  /// /proc/PID/fd included, can ask for more than the descriptor allows (proc(5)).
  access_set access{};
  status_flags required_flags{};   ///< All of these (now).
  status_flags forbidden_flags{};  ///< None of these (now).
  /// All of these, looked at before the size: nobody can take a seal off again. A size with both `shrink` and `grow` is
  /// final, and a memfd sealed against shrinking can be read through a mapping of its size without SIGBUS. Files that
  /// are no memfd have no seals, whatever the file system says of them.
  seal_set seals{};
  /// regular_file, memfd and block_device only: others do not match. (now), but for what the seals of a memfd forbid.
  std::optional<size_range> size{};
  std::optional<device_number> device{};   ///< Of a terminal, character_device or block_device.
  std::optional<int> socket_family{};      ///< AF_*
  std::optional<int> socket_type{};        ///< SOCK_*
  std::optional<bool> listening{};         ///< Of a socket (now).
  std::optional<file_identity> same_as{};  ///< The same object as another descriptor's `description::identity`.
  /// Where it lies: this path, or below it. Only a hint (now): it can be renamed, and the path is what this process's
  /// root and mounts make of it. It guards against mistakes, not against an enemy. Without /proc nothing matches.
  std::string below{};

  friend bool operator==(const expectation&, const expectation&) noexcept = default;
};

}  // namespace scm::inline v0_1
