/// How the kind of a descriptor follows from what the kernel says about it.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/inspect/kind.hpp>
#include <scm/inspect/seals.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace scm::inline v0_1::detail {

/// What the kind is decided on.
struct traits {
  borrowed_fd fd;
  unsigned mode;              // st_mode
  std::uint64_t links;        // st_nlink
  std::uint64_t size;         // st_size
  std::uint32_t file_system;  // major number of st_dev; 0 for a file system without a block device
  std::uint32_t driver;       // major number of st_rdev
  bool path_only;             // O_PATH
  std::optional<seal_set> seals;
  std::string_view link;  // procfs's text; empty when unknown
};

/// The kind of the object itself: for a path_handle, of what lies there. Asks the object's file system only where that
/// cannot be one that waits for somebody else (FUSE, NFS).
[[nodiscard]] descriptor_kind classify(const traits& of) noexcept;

inline constexpr std::string_view deleted_suffix = " (deleted)";
inline constexpr std::string_view memfd_prefix = "/memfd:";

/// The kernel's word in the text of an object without a place: "eventfd" of "anon_inode:[eventfd]", "net" of "net:[7]".
[[nodiscard]] std::string_view kernel_name(std::string_view link) noexcept;

}  // namespace scm::inline v0_1::detail
