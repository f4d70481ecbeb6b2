/// What a benchmark asks of whoever passes descriptors.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace bench {

/// The messages of a workload: all alike.
struct traffic {
  std::size_t bytes = 0;
  std::size_t descriptors = 0;
  std::span<const int> lent;  ///< As many open descriptors, lent for the whole run.
};

/// One end of a connection. Every end does the same work: it sends the traffic's bytes and descriptors, and on receipt
/// checks for loss, surplus and length and closes the descriptors. Failures throw.
class endpoint {
 public:
  endpoint() = default;
  endpoint(const endpoint&) = delete;
  endpoint& operator=(const endpoint&) = delete;
  virtual ~endpoint() = default;

  /// Called once, in the process that will use this end: for what a fork cannot hand down, such as an event loop.
  virtual void begin() {}
  virtual void send(std::size_t messages) = 0;
  /// The descriptors that arrived with so many messages.
  virtual std::size_t receive(std::size_t messages) = 0;
  /// Called when everything that was sent here has been received: closes what is kept until the next message.
  virtual void settle() {}
};

class contender {
 public:
  contender() = default;
  contender(const contender&) = delete;
  contender& operator=(const contender&) = delete;
  virtual ~contender() = default;

  [[nodiscard]] virtual std::string name() const = 0;

  /// Whether it can pass such messages at all.
  [[nodiscard]] virtual bool can(std::size_t /*bytes*/, std::size_t /*descriptors*/) const { return true; }
  /// How many messages it joins at most. With more than one it has no part in a ping-pong, where each is answered.
  [[nodiscard]] virtual std::size_t batch() const { return 1; }

  /// A new connection. Both ends are made in one process; a fork may then leave one of them to each, and destroying
  /// an end closes it in this process.
  [[nodiscard]] virtual std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(
      const traffic& messages) = 0;
};

/// The measure of the others, and the same once more, which shows what a difference of chance looks like.
inline constexpr std::string_view baseline = "plain C";
inline constexpr std::string_view baseline_again = "plain C again";

/// Hand-written C over SEQPACKET: a system call for each message.
[[nodiscard]] std::unique_ptr<contender> make_plain_c(std::string_view label);
/// The same over STREAM, where a receive asks for the bytes of one message.
[[nodiscard]] std::unique_ptr<contender> make_stream_c();
/// Hand-written C with a system call for so many messages.
[[nodiscard]] std::unique_ptr<contender> make_batched_c(std::size_t batch);
/// Hand-written C that lays so many of the workload's messages, which are then records, end to end into each kernel
/// message, with the descriptors of all of them.
[[nodiscard]] std::unique_ptr<contender> make_packed_c(std::size_t records);
/// This library over SEQPACKET.
[[nodiscard]] std::unique_ptr<contender> make_scm();
/// This library's batches: a system call for so many messages.
[[nodiscard]] std::unique_ptr<contender> make_batched_scm(std::size_t batch);
/// This library's records, so many of them at once.
[[nodiscard]] std::unique_ptr<contender> make_packed_scm(std::size_t records);
/// kj's AsyncCapabilityStream (libcapnp-dev), GLib's GSocket (libglib2.0-dev) and libuv's uv_pipe_t (libuv1-dev), if
/// they were there when this program was built.
[[nodiscard]] std::unique_ptr<contender> make_kj();
[[nodiscard]] std::unique_ptr<contender> make_glib();
[[nodiscard]] std::unique_ptr<contender> make_libuv();

}  // namespace bench
