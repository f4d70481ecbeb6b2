/// The one error convention: `result`, and `errc`, the failures that are scm's own.
#pragma once

#include <scm/core/config.hpp>

#include <expected>
#include <system_error>

namespace scm::inline v0_1 {

/// A value or the reason why there is none. Failures of scm are `errc` values; those of the operating system pass
/// through in `std::system_category`. Errors with a place or a detail (`parse_error`, `send_error`, `receive_error`)
/// are small types of their own that convert to `std::error_code`.
template <class T, class E = std::error_code>
using result = std::expected<T, E>;

/// Failures that the operating system has no errno for, or reports as something else. Would-block is `EAGAIN`
/// (`std::errc::resource_unavailable_try_again`) and a passed deadline is `std::errc::timed_out`.
enum class errc {
  end_of_file = 1,      ///< The peer has shut down its side; nothing more will come.
  descriptors_lost,     ///< The kernel dropped descriptors of this message (MSG_CTRUNC); those that came are closed.
  over_limit,           ///< More than the caller, or the kernel, allows; on receive everything that came is closed.
  refused,              ///< A slot held an errno where a descriptor should be; the others are closed.
  payload_cut,          ///< The message was longer than the buffer (MSG_TRUNC); its rest is gone.
  too_many_in_flight,   ///< ETOOMANYREFS: this user has too many descriptors sent and not yet received.
  unsupported,          ///< This kernel, or this kind of socket, does not have the feature.
  malformed,            ///< Bytes that break the rules of their format.
  receive_side_dead,    ///< An earlier loss left this stream without a trustworthy next byte.
  no_headroom,          ///< Too few free descriptor slots for max + reserve; nothing was received.
  empty_message,        ///< Bytes are needed: descriptors on an empty stream message vanish (kernel fact C4), and an
                        ///< empty seqpacket message reads as end of file (D1).
  wrong_descriptor,     ///< The descriptor is not the kind of socket that was asked for.
  bad_address,          ///< Not an address of a Unix socket: too long, empty, or of another family.
  unknown_version,      ///< The peer speaks another version of the format.
  out_of_sequence,      ///< A packet of records is missing, or came twice.
  descriptors_missing,  ///< A packet of records came with fewer descriptors than it counts.
  descriptors_surplus,  ///< A packet of records came with more descriptors than it counts.
  record_cut,           ///< The peer was gone before its record was whole.
  abandoned,            ///< The peer gave up a record that it had begun; those that follow are not affected.
  not_admitted,         ///< A descriptor is not what was agreed (`admission`).
  wrong_namespace,      ///< The calling thread is in another network namespace and could not come back from it.
};

/// The category of `errc`; its messages say what happened and what to try.
[[nodiscard]] SCM_API const std::error_category& category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), category()}; }

}  // namespace scm::inline v0_1

template <>
struct std::is_error_code_enum<scm::errc> : std::true_type {};
