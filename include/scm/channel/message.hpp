/// One message as it came in: bytes, owned descriptors, and what the kernel says of its sender.
#pragma once

#include <scm/core/address.hpp>
#include <scm/core/control_items.hpp>
#include <scm/core/descriptor_list.hpp>

#include <boost/container/small_vector.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace scm::inline v0_1 {

namespace detail {
struct receiver;
}

/// A received message. Movable; what is not taken out of it is closed with it.
class SCM_API message {
 public:
  message(message&& other) noexcept;  ///< `other` is as new afterwards.
  message& operator=(message&& other) noexcept;
  ~message() = default;

  /// Makes it empty, closes what it holds, and keeps its memory.
  void clear() noexcept;

  message() noexcept {}  // not defaulted: value-initialising would first zero all the room inside, 900 bytes each time

  std::size_t size = 0;         ///< Bytes written to the caller's buffers, from the first on.
  descriptor_list descriptors;  ///< In the order sent; close-on-exec.

  std::optional<credentials> sender;  ///< With `receive_item::credentials`.
  owned_fd sender_pidfd;              ///< With `receive_item::pidfd`; close-on-exec.
  /// Why the kernel made no pidfd; only a partial receive lets it pass.
  std::optional<std::error_code> sender_pidfd_refusal;
  std::optional<wall_time> queued_at;         ///< With `receive_item::timestamp`: when it was sent, or
                                              ///< received, if the item was set between the two.
  std::optional<std::uint32_t> queued_bytes;  ///< With `receive_item::queued_bytes`: bytes left behind it.
  std::optional<address> from;                ///< Datagrams only: the sender's address, unnamed if it has none.

  /// What a partial receive let pass; a whole message has none of it.
  std::size_t surplus = 0;        ///< Descriptors over the maximum; they were closed.
  bool descriptors_lost = false;  ///< Control data was cut: descriptors, or another item, did not come.
  bool payload_cut = false;       ///< The message was longer than the buffers; the rest is gone.

  /// With `receive_item::label`: the sender's security label, borrowed from the message; empty when there is none.
  [[nodiscard]] std::string_view label() const& noexcept;
  std::string_view label() && = delete;

  /// The control data as the kernel wrote it, to find messages of types that are not known here. The numbers in its
  /// SCM_RIGHTS and SCM_PIDFD are those of `descriptors` and `sender_pidfd`: look, do not adopt.
  [[nodiscard]] control_view control() const& noexcept { return control_view{{control_.data(), control_.size()}}; }
  control_view control() && = delete;

 private:
  friend struct detail::receiver;

  /// Room for this needs no allocation: one descriptor more than the inline ones, which shows a surplus, and every
  /// item that can be enabled.
  static constexpr control_room inline_room{.rights = limits::inline_descriptors + 1,
                                            .credentials = true,
                                            .pidfd = true,
                                            .timestamp = true,
                                            .queued_bytes = true,
                                            .label = limits::label_bytes,
                                            .other = limits::software_timestamps_bytes};
  using storage = boost::container::small_vector<
      std::byte, inline_room.bytes(), void,
      boost::container::small_vector_options_t<boost::container::inplace_alignment<alignof(std::max_align_t)>>>;
  storage control_;
};

}  // namespace scm::inline v0_1
