/// Requests and their replies in records: which reply answers which request, until when it is waited for, and giving
/// up.
#pragma once

#include <scm/core/deadline.hpp>
#include <scm/core/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace scm::inline v0_1 {

enum class call_kind : std::uint8_t { request = 1, reply = 2, cancel = 3 };

/// What a record that belongs to a call begins with: send it as the first of the record's buffers. The body and the
/// descriptors that follow are the caller's.
class SCM_API call_header {
 public:
  static constexpr std::size_t bytes = 16;
  call_header(call_kind kind, std::uint64_t id) noexcept;
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] const std::byte* begin() const noexcept { return raw_.data(); }
  [[nodiscard]] const std::byte* end() const noexcept { return raw_.data() + raw_.size(); }

 private:
  std::uint64_t id_;
  std::array<std::byte, bytes> raw_;
};

/// A record that belongs to a call; the body is borrowed from it.
struct call_message {
  call_kind kind;
  std::uint64_t id;
  std::span<const std::byte> body;
};

/// Reads a record's bytes. Errors: `malformed`.
[[nodiscard]] SCM_API result<call_message> as_call(std::span<const std::byte> record) noexcept;

/// The calls that one side has made and that have no reply yet. It does no I/O and asks no clock, so that any loop can
/// drive it: wait until `next_deadline`, then take what `expire` gives. Finding the next deadline takes time in
/// proportion to the calls that wait.
class SCM_API call_table {
 public:
  /// At most so many calls wait at a time.
  explicit call_table(std::size_t most) noexcept : most_{most} {}

  /// A new call. `token` is the caller's to recognise it by. Errors: `over_limit` when too many wait;
  /// `not_enough_memory`.
  [[nodiscard]] result<call_header> begin(std::uintptr_t token, deadline until = no_deadline) noexcept;

  /// The token of the call that a reply answers, and the end of its wait; nothing when that call was cancelled, has
  /// expired, or was answered before. Errors: `malformed` for an id that was never given out.
  [[nodiscard]] result<std::optional<std::uintptr_t>> answered(const call_message& reply) noexcept;

  /// Ends the wait for a call. Returns what to send to let the other side know, which answers or not; nothing when the
  /// call does not wait any more.
  [[nodiscard]] std::optional<call_header> cancel(std::uint64_t id) noexcept;

  /// When `expire` will next have something; `no_deadline` when it may never.
  [[nodiscard]] deadline next_deadline() const noexcept;

  struct expired {
    std::uint64_t id;
    std::uintptr_t token;
  };
  /// A call whose deadline is `now` or before, the earliest first; it waits no more. Call until there is none. To let
  /// the other side know, send `call_header{call_kind::cancel, id}`.
  [[nodiscard]] std::optional<expired> expire(deadline now) noexcept;

  [[nodiscard]] std::size_t waiting() const noexcept { return calls_.size(); }

 private:
  struct call {
    std::uint64_t id;
    std::uintptr_t token;
    deadline until;
  };
  [[nodiscard]] std::vector<call>::iterator find(std::uint64_t id) noexcept;

  std::vector<call> calls_;  // by id
  std::uint64_t next_id_ = 0;
  std::size_t most_;
};

}  // namespace scm::inline v0_1
