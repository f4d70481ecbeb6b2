/// Records: bytes and the descriptors that belong to them.
#pragma once

#include <scm/core/borrowed_fds.hpp>
#include <scm/core/buffer.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>
#include <scm/inspect/admission.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace scm::inline v0_1 {

/// A received record, lent by its channel until the next receive. A descriptor that is to stay is moved out of its
/// place; the others are closed by the channel before it asks the kernel for more, or when it dies.
struct record {
  std::span<const std::byte> bytes;
  std::span<owned_fd> descriptors;  ///< In the order sent; close-on-exec.
};

/// A record to send; borrows both.
struct outgoing_record {
  const_buffer bytes;
  std::span<const borrowed_fd> descriptors{};
};

/// What a channel of records lets its peer, and its own sender, take. Every one of them is the caller's to say: 0
/// allows nothing.
struct record_bounds {
  std::size_t record_bytes;        ///< Of one received record. More is `over_limit`, before memory is taken for it.
  std::size_t record_descriptors;  ///< The same for descriptors.
  std::size_t queued_bytes;        ///< Waiting to be sent, headers included.
  std::size_t queued_descriptors;  ///< The same for descriptors.
};

/// Why there is no record, and where: the position of the packet at fault in all bytes received, from 0 on.
struct record_error {
  std::error_code code;
  std::uint64_t position = 0;

  operator std::error_code() const noexcept { return code; }
  friend bool operator==(const record_error& error, std::error_code other) noexcept { return error.code == other; }
  friend bool operator==(const record_error& error, std::error_condition other) noexcept { return error.code == other; }
};

/// The same under an admission: also that a descriptor is not what was agreed, and how. `position` is 0 then.
struct record_admission_error : record_error {
  std::optional<refusal> refused{};  ///< With the codes of `admit`.
};

}  // namespace scm::inline v0_1
