/// Who is at the other end, and on whose word.
#pragma once

#include <scm/core/credentials.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/limits.hpp>

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace scm::inline v0_1 {

/// A security label (SELinux, AppArmor, Smack) of up to `limits::label_bytes` bytes, without a terminating NUL.
class security_label {
 public:
  security_label() noexcept = default;
  /// Copies `text`; the caller has checked that it fits, and what does not is not stored.
  explicit security_label(std::string_view text) noexcept : size_{text.copy(chars_.data(), chars_.size())} {}

  [[nodiscard]] std::string_view view() const noexcept { return {chars_.data(), size_}; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  std::array<char, limits::label_bytes> chars_;
  std::size_t size_ = 0;
};

/// What a statement about the peer rests on.
enum class evidence : unsigned char {
  /// Recorded by the kernel when the connection was made: for a server's end the caller of connect(2), for a client's
  /// end the caller of listen(2), for a pair its creator, who may be this process (kernel fact E10). It stays what it
  /// was when the socket is handed on, and when that process ends.
  connection,
  /// Recorded by the kernel for one message: its writer, or whom a privileged writer named (E6).
  message,
};

/// One part of an identity: the value, or why there is none, and what it rests on.
template <class T>
struct attested {
  result<T> value;
  evidence from;
};

/// The peer as the kernel tells it. A part that this kernel cannot give is `unsupported`; one that the socket does not
/// have is ENODATA or ENOTCONN. Nothing is guessed: a missing pidfd is never made from a pid.
struct peer_identity {
  attested<credentials> process;        ///< SO_PEERCRED
  attested<owned_fd> pidfd;             ///< SO_PEERPIDFD (Linux 6.5)
  attested<std::vector<gid_t>> groups;  ///< SO_PEERGROUPS (Linux 4.13)
  attested<security_label> label;       ///< SO_PEERSEC; unsupported without a labelling security module
};

}  // namespace scm::inline v0_1
