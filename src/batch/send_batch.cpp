#include <scm/batch/send_batch.hpp>

#include "channel/send.hpp"
#include "core/sys.hpp"

#include <scm/core/control_buffer.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace scm::inline v0_1 {

struct send_batch::vectors {
  struct contents {
    control_buffer control;
    std::size_t bytes = 0;
  };

  std::vector<mmsghdr> headers;
  std::vector<const_buffer> buffers;  // so many for each message
  std::vector<contents> messages;
  std::size_t max;
  std::size_t buffers_each;

  vectors(std::size_t count, std::size_t most, std::size_t each)
      : headers(count), buffers(count * each), messages(count), max{most}, buffers_each{each} {}

  // Everything that a message can need, taken once: clearing a buffer keeps its memory.
  result<void> reserve() {
    const std::vector<borrowed_fd> most(max, borrowed_fd{-1});
    for (contents& one : messages) {
      if (const auto claim = one.control.append_credentials(credentials{0, 0, 0}); !claim) return claim;
      if (const auto rights = one.control.append_rights(most); !rights) return rights;
      one.control.clear();
    }
    return {};
  }

  // Why message `i` is not for a socket of this type.
  [[nodiscard]] std::optional<std::error_code> refusal(std::size_t i, socket_type type) const noexcept {
    if (type == socket_type::seqpacket && headers[i].msg_hdr.msg_name != nullptr) {
      return std::make_error_code(std::errc::already_connected);
    }
    return detail::refusal_of(type, messages[i].bytes, messages[i].control.descriptors());
  }
};

send_batch::send_batch() noexcept = default;
send_batch::send_batch(send_batch&& other) noexcept
    : vectors_{std::move(other.vectors_)}, first_{std::exchange(other.first_, 0)}, end_{std::exchange(other.end_, 0)} {}
send_batch& send_batch::operator=(send_batch&& other) noexcept {
  if (this != &other) {
    vectors_ = std::move(other.vectors_);
    first_ = std::exchange(other.first_, 0);
    end_ = std::exchange(other.end_, 0);
  }
  return *this;
}
send_batch::~send_batch() = default;

result<send_batch> send_batch::make(std::size_t messages, std::size_t max, std::size_t buffers) noexcept {
  if (messages == 0 || messages > limits::messages_per_batch || buffers == 0 || buffers > limits::buffers_per_message) {
    return std::unexpected{std::make_error_code(std::errc::invalid_argument)};
  }
  send_batch made;
  try {
    made.vectors_ = std::make_unique<vectors>(messages, std::min(max, limits::descriptors_per_message), buffers);
    if (const auto reserved = made.vectors_->reserve(); !reserved) return std::unexpected{reserved.error()};
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return made;
}

std::size_t send_batch::capacity() const noexcept { return vectors_ ? vectors_->headers.size() : 0; }

result<void> send_batch::add(const_buffers data, borrowed_fds descriptors, const batch_entry& with) noexcept {
  const auto parts = data.span();
  if (end_ == capacity() || descriptors.size() > vectors_->max || parts.size() > vectors_->buffers_each) {
    return std::unexpected{make_error_code(errc::over_limit)};
  }
  auto& [control, bytes] = vectors_->messages[end_];
  control.clear();
  if (with.as) (void)control.append_credentials(*with.as);  // within the room that was taken; so are the rights
  (void)control.append_rights(descriptors.span());
  bytes = data.size();
  const_buffer* const own = &vectors_->buffers[end_ * vectors_->buffers_each];
  std::ranges::copy(parts, own);

  // The kernel reads what these point to and writes none of it: the casts take away a const that C has no word for.
  msghdr& header = vectors_->headers[end_].msg_hdr;
  header = {};
  header.msg_iov = reinterpret_cast<iovec*>(own);
  header.msg_iovlen = parts.size();
  if (with.to != nullptr) {
    header.msg_name = const_cast<sockaddr_un*>(&with.to->native());
    header.msg_namelen = with.to->native_size();
  }
  if (!control.empty()) {
    header.msg_control = const_cast<std::byte*>(control.bytes().data());
    header.msg_controllen = control.bytes().size();
  }
  ++end_;
  return {};
}

result<std::size_t, send_error> send_batch::send_through(channel& at, deadline until) noexcept {
  // A message that is refused here ends what goes out, as one does that the kernel refuses.
  std::size_t ready = first_;
  for (; ready != end_; ++ready) {
    const auto refused = vectors_->refusal(ready, at.type());
    if (!refused) continue;
    if (ready == first_) return std::unexpected{send_error{*refused}};
    break;
  }
  if (ready == first_) return 0;

  detail::waiter wait{until};
  const int flags = MSG_NOSIGNAL | (wait.forever() ? 0 : MSG_DONTWAIT);
  const std::size_t asked = ready - first_;
  for (;;) {
    const int taken =
        sys::sendmmsg(at.fd().native_handle(), &vectors_->headers[first_], static_cast<unsigned>(asked), flags);
    if (taken >= 0) [[likely]] {
      const std::size_t count = std::min(static_cast<std::size_t>(taken), asked);
      drop(count);
      return count;
    }
    if (const auto give_up = detail::after_failed_send(wait, at.fd(), errno)) {
      return std::unexpected{send_error{give_up}};
    }
  }
}

result<std::size_t, send_error> send_batch::send(datagram& through, deadline until) noexcept {
  return send_through(through, until);
}
result<std::size_t, send_error> send_batch::send(seqpacket& through, deadline until) noexcept {
  return send_through(through, until);
}

}  // namespace scm::inline v0_1
