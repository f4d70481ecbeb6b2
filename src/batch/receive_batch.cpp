#include <scm/batch/receive_batch.hpp>

#include "channel/receive.hpp"
#include "core/run_closer.hpp"
#include "core/sys.hpp"

#include <algorithm>

namespace scm::inline v0_1 {

struct receive_batch::vectors {
  std::vector<mmsghdr> headers;
  std::vector<mutable_buffer> rooms;
  std::vector<sockaddr_un> names;
  std::vector<detail::tally> tallies;
  std::vector<std::byte> bytes;
  std::size_t max;

  // The kernel writes into the headers, so that each is armed again before it is used again; but for those that were
  // not used, as long as all receives are from sockets of one type with the same items.
  std::size_t used;
  std::size_t control_bytes = 0;
  bool named = false;

  vectors(std::size_t messages, std::size_t size, std::size_t most)
      : headers(messages),
        rooms(messages),
        names(messages),
        tallies(messages),
        bytes(messages * size),
        max{most},
        used{messages} {
    for (std::size_t i = 0; i != messages; ++i) rooms[i] = {bytes.data() + i * size, size};
  }

  detail::receiver::failure arm(const detail::source& from, std::span<received> messages) noexcept {
    const std::size_t wanted = from.room().bytes();
    const bool addresses = from.type == socket_type::datagram;
    if (wanted != std::exchange(control_bytes, wanted) || addresses != std::exchange(named, addresses)) {
      used = messages.size();
    }
    for (std::size_t i = 0; i != used; ++i) {
      tallies[i] = {};
      detail::receiver one{from, messages[i].content, tallies[i]};
      if (auto refusal = one.prepare()) [[unlikely]]
        return refusal;
      one.point(headers[i].msg_hdr, {&rooms[i], 1}, names[i]);
    }
    used = 0;
    return {};
  }
};

receive_batch::receive_batch() noexcept = default;
receive_batch::receive_batch(receive_batch&& other) noexcept
    : vectors_{std::move(other.vectors_)},
      messages_{std::move(other.messages_)},
      count_{std::exchange(other.count_, 0)} {}

receive_batch& receive_batch::operator=(receive_batch&& other) noexcept {
  if (this != &other) {
    clear();
    vectors_ = std::move(other.vectors_);
    messages_ = std::exchange(other.messages_, {});
    count_ = std::exchange(other.count_, 0);
  }
  return *this;
}

receive_batch::~receive_batch() { clear(); }

result<receive_batch> receive_batch::make(std::size_t messages, std::size_t bytes, std::size_t max) noexcept {
  if (messages == 0 || messages > limits::messages_per_batch) {
    return std::unexpected{std::make_error_code(std::errc::invalid_argument)};
  }
  const auto no_memory = std::make_error_code(std::errc::not_enough_memory);
  if (bytes > SIZE_MAX / messages) return std::unexpected{no_memory};
  max = std::min(max, limits::descriptors_per_message);
  receive_batch made;
  try {
    made.vectors_ = std::make_unique<vectors>(messages, bytes, max);
    made.messages_ = std::vector<received>(messages);
  } catch (...) {
    return std::unexpected{no_memory};
  }
  for (received& one : made.messages_) {
    if (const auto refusal = detail::receiver::prepare_for_any(one.content, max)) return std::unexpected{*refusal};
  }
  return made;
}

void receive_batch::clear() noexcept {
  // The kernel hands out consecutive numbers over the whole batch where it can: they are closed as one run. In the
  // order in which they were installed, a message's pidfd after its descriptors.
  detail::run_closer closer;
  for (std::size_t i = 0; i != count_; ++i) {
    message& one = messages_[i].content;
    for (std::size_t slot = 0; slot != one.descriptors.size(); ++slot) {
      if (const int number = one.descriptors.take(slot).release(); number >= 0) closer.add(number);
    }
    if (const int number = one.sender_pidfd.release(); number >= 0) closer.add(number);
    one.clear();
  }
  count_ = 0;
}

// Flattened, as `channel::receive` is.
[[gnu::flatten]] result<std::size_t, receive_error> receive_batch::receive_from(channel& at,
                                                                                const receive_options& options,
                                                                                bool again) noexcept {
  clear();
  if (messages_.empty()) return std::unexpected{receive_error{std::make_error_code(std::errc::invalid_argument)}};
  vectors& all = *vectors_;
  const detail::source from = detail::receiver::source_of(at, all.max);
  const auto failed = [&](std::error_code code) noexcept { return std::unexpected{receive_error{code, 0, from.max}}; };
  if (const auto refusal = all.arm(from, messages_)) [[unlikely]]
    return failed(*refusal);

  std::size_t asked = 0;
  const auto got = detail::receive_within(
      from, options, messages_.size(), MSG_WAITFORONE, [&](int flags, std::size_t messages) noexcept {
        asked = messages;
        return sys::recvmmsg(from.fd.native_handle(), all.headers.data(), static_cast<unsigned>(messages), flags);
      });
  if (!got) [[unlikely]]
    return failed(got.error());
  all.used = std::min(*got, asked);

  for (std::size_t i = 0; i != all.used; ++i) {
    detail::receiver{from, messages_[i].content, all.tallies[i]}.own(all.headers[i].msg_hdr);
  }

  const auto looks_like_the_end = [&](std::size_t i) noexcept {
    const mmsghdr& header = all.headers[i];
    return detail::receiver{from, messages_[i].content, all.tallies[i]}.end_of_file(header.msg_len,
                                                                                    header.msg_hdr.msg_flags);
  };
  // An end of file goes on until nothing is left to fill (kernel fact F6), and nothing comes after it.
  count_ = all.used;
  if (count_ == asked) {
    while (count_ != 0 && looks_like_the_end(count_ - 1)) --count_;
  }
  if (count_ == 0) [[unlikely]] {
    if (from.type == socket_type::seqpacket && !again) return receive_again(at, options);
    return failed(errc::end_of_file);
  }

  for (std::size_t i = 0; i != count_; ++i) {
    received& one = messages_[i];
    const mmsghdr& header = all.headers[i];
    detail::receiver judge{from, one.content, all.tallies[i]};
    one.loss.reset();
    detail::receiver::failure loss;
    if (looks_like_the_end(i)) [[unlikely]] {
      loss = errc::end_of_file;
    } else {
      loss = judge.judge(header.msg_hdr, all.names[i], false);
    }
    if (loss) [[unlikely]] {
      one.loss = receive_error{*loss, all.tallies[i].installed, from.max};
      one.bytes = {};
      one.content.clear();
      continue;
    }
    one.content.size = std::min<std::size_t>(header.msg_len, all.rooms[i].size());
    one.bytes = {static_cast<const std::byte*>(all.rooms[i].data()), one.content.size};
  }
  return count_;
}

// As `detail::receiver::run_again`.
[[gnu::noinline, gnu::cold]] result<std::size_t, receive_error> receive_batch::receive_again(
    channel& at, receive_options options) noexcept {
  options.until = dont_wait;
  auto got = receive_from(at, options, true);
  if (!got && detail::would_block(got.error().code)) got.error().code = errc::end_of_file;
  return got;
}

result<std::size_t, receive_error> receive_batch::receive(datagram& from, const receive_options& options) noexcept {
  return receive_from(from, options);
}
result<std::size_t, receive_error> receive_batch::receive(seqpacket& from, const receive_options& options) noexcept {
  return receive_from(from, options);
}

}  // namespace scm::inline v0_1
