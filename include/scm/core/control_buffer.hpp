/// Building control data: the only place where the length of a control message is set.
#pragma once

#include <scm/core/cmsg.hpp>
#include <scm/core/credentials.hpp>
#include <scm/core/fd.hpp>

#include <boost/container/small_vector.hpp>

#include <cstddef>
#include <span>

namespace scm::inline v0_1 {

/// Control messages for one sendmsg(2), in the order appended. Room for `limits::inline_descriptors` descriptors and
/// everything else that a Unix socket carries is inside the object; more is on the heap. The bytes are aligned for
/// cmsghdr, and every one of them is defined, padding included. Lengths are computed, never given.
///
/// Each append takes effect whole or, on error, not at all. Errors of all: `not_enough_memory`; `over_limit` past
/// `limits::control_bytes`.
class SCM_API control_buffer {
 public:
  explicit control_buffer(abi layout = abi::native) noexcept : layout_{layout} {}
  control_buffer(control_buffer&& other) noexcept;  ///< `other` is as new afterwards.
  control_buffer& operator=(control_buffer&& other) noexcept;
  ~control_buffer() = default;

  /// Takes memory for `bytes` of control data, all messages together: appends up to that need none.
  [[nodiscard]] result<void> reserve(std::size_t bytes) noexcept;

  /// SCM_RIGHTS. The descriptors are borrowed: they must be open when the buffer is sent. Nothing is appended for none.
  /// Errors: `over_limit` past 253 descriptors, summed over the buffer (A3).
  [[nodiscard]] result<void> append_rights(std::span<const borrowed_fd> descriptors) noexcept;

  /// SCM_CREDENTIALS. What the kernel lets a process claim: kernel facts E5, E6.
  [[nodiscard]] result<void> append_credentials(const credentials& sender) noexcept;

  /// A message of any level and type, copied as it is, from bytes that are not this buffer's own. Numbers in a raw
  /// SCM_RIGHTS payload count towards the 253.
  [[nodiscard]] result<void> append(int level, int type, std::span<const std::byte> payload) noexcept;

  /// What to hand to the kernel as msg_control and msg_controllen; ends with the last message's padding. The address
  /// changes with the next append.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_.data(), bytes_.size()}; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  /// Descriptors in all SCM_RIGHTS messages together.
  [[nodiscard]] std::size_t descriptors() const noexcept { return descriptors_; }
  [[nodiscard]] abi layout() const noexcept { return layout_; }

  /// Forgets all messages; memory is kept.
  void clear() noexcept;

 private:
  /// The payload bytes of a new message at the end, or nullptr when there is no memory.
  template <abi Layout>
  [[nodiscard]] result<std::byte*> extend(int level, int type, std::size_t payload) noexcept;

  static constexpr std::size_t inline_bytes = control_room{.rights = limits::inline_descriptors,
                                                           .credentials = true,
                                                           .pidfd = true,
                                                           .timestamp = true,
                                                           .queued_bytes = true,
                                                           .label = limits::label_bytes}
                                                  .bytes();
  using storage = boost::container::small_vector<
      std::byte, inline_bytes, void,
      boost::container::small_vector_options_t<boost::container::inplace_alignment<alignof(std::max_align_t)>>>;

  storage bytes_;
  std::size_t descriptors_ = 0;
  abi layout_;
};

}  // namespace scm::inline v0_1
