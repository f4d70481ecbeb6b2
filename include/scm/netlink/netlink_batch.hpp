/// Room for the netlink datagrams of one receive, taken once and used again.
#pragma once

#include <scm/core/credentials.hpp>
#include <scm/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace scm::inline v0_1 {

/// One datagram of a batch.
struct netlink_datagram {
  std::span<const std::byte> bytes;  ///< In the batch's room; overwritten by the next receive. See `netlink_walk`.
  /// The sender's address, which the kernel wrote: 0 is the kernel itself, and no process can have it.
  std::uint32_t sender = 0;
  std::uint32_t groups = 0;  ///< The multicast group it was sent to as a bit, of the first 32; 0 for us alone.
  /// With `netlink_options::credentials`: of the process that caused it; process 0, which none can claim, when none
  /// did. A process has the number here that it has in its own pid namespace.
  std::optional<scm::credentials> credentials;
  /// Why it is not handed out: `payload_cut` when it was longer than the room, `malformed` when it has no sender, or
  /// not the credentials that were asked for.
  std::optional<std::error_code> loss;

  /// Whether it is the kernel's: by its address and, with `netlink_options::credentials`, by those too.
  [[nodiscard]] bool from_kernel() const noexcept {
    return sender == 0 && !loss && (!credentials || credentials->pid == 0);
  }
};

/// Threads: as a value.
class SCM_API netlink_batch {
 public:
  /// Room for 1 to 1024 datagrams of at least 1 and at most `limits::netlink_bytes` bytes each; for dumps 32 KiB fit
  /// whatever there is. Everything is allocated here. Errors: `invalid_argument`; `not_enough_memory`.
  [[nodiscard]] static result<netlink_batch> make(std::size_t datagrams, std::size_t bytes) noexcept;

  netlink_batch(netlink_batch&& other) noexcept;  ///< `other` has no room afterwards.
  netlink_batch& operator=(netlink_batch&& other) noexcept;
  ~netlink_batch();

  /// The datagrams of the last receive, in order; none after one that failed.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// `index` must be below `size()`.
  [[nodiscard]] const netlink_datagram& operator[](std::size_t index) const noexcept { return datagrams_[index]; }
  [[nodiscard]] const netlink_datagram* begin() const noexcept { return datagrams_.data(); }
  [[nodiscard]] const netlink_datagram* end() const noexcept { return datagrams_.data() + count_; }
  /// The most datagrams that one receive can return.
  [[nodiscard]] std::size_t capacity() const noexcept { return datagrams_.size(); }

 private:
  friend class netlink_socket;
  struct vectors;  // what the kernel is given and gives
  netlink_batch() noexcept;
  void arm(bool credentials) noexcept;
  void judge(std::size_t count) noexcept;

  std::unique_ptr<vectors> vectors_;
  std::vector<netlink_datagram> datagrams_;
  std::size_t count_ = 0;
};

}  // namespace scm::inline v0_1
