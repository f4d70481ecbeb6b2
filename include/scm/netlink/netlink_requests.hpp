/// Many requests to the kernel with one system call (sendmmsg(2)), from room that is taken once.
#pragma once

#include <scm/netlink/netlink_socket.hpp>

#include <memory>

namespace scm::inline v0_1 {

/// Requests that go out together:
///
///     auto requests = netlink_requests::make(socket, 32).value();
///     for (const auto& one : wanted) numbers.push_back(requests.add(type, 0, one.bytes).value());
///     while (!requests.empty()) requests.send().value();
///     netlink_reply reply{socket, batch, numbers[0]};  // to its end; then reply.turn_to(numbers[1]), and so on
///
/// The kernel answers each before it looks at the next, into the receive buffer: have that large enough for all of
/// them (`netlink_options::receive_buffer`), or receiving ends with ENOBUFS. Of dumps it takes one at a time, and
/// refuses a second with EBUSY until the first was received.
///
/// Borrows the socket; payloads are borrowed until they are sent. Threads: as a value, on the sending side of the
/// socket.
class SCM_API netlink_requests {
 public:
  /// Room for 1 to 1024 requests; everything is allocated here. Errors: `invalid_argument`; `not_enough_memory`.
  [[nodiscard]] static result<netlink_requests> make(netlink_socket& through, std::size_t requests) noexcept;

  netlink_requests(netlink_requests&& other) noexcept;  ///< `other` has no room afterwards.
  netlink_requests& operator=(netlink_requests&& other) noexcept;
  ~netlink_requests();

  /// Puts a request behind those that are there, as `netlink_socket::request` makes them, and returns its sequence
  /// number. Errors: `over_limit` for more requests than there is room for, or a payload that no header can count. The
  /// room of those that were sent is used again once all are.
  [[nodiscard]] result<std::uint32_t> add(std::uint16_t type, std::uint16_t flags,
                                          std::span<const std::byte> payload) noexcept;

  /// Sends what the kernel takes, from the first request on, and says how many those were: they are gone from here, and
  /// never sent again. Waits for room for the first alone. 0 when there are none.
  ///
  /// An error is that of the first request, and none was sent, EMSGSIZE for one that was cut excepted: one behind it
  /// ends the count, and is told by the next send (kernel fact F1). `skip` goes on behind it. Errors: as
  /// `netlink_socket::request`.
  [[nodiscard]] result<std::size_t> send(deadline until = no_deadline) noexcept;

  /// The requests that are not sent.
  [[nodiscard]] std::size_t size() const noexcept { return end_ - first_; }
  [[nodiscard]] bool empty() const noexcept { return end_ == first_; }
  /// The most that can be there together.
  [[nodiscard]] std::size_t capacity() const noexcept;

  /// Drops the first request that is not sent, if there is one.
  void skip() noexcept { drop(empty() ? 0 : 1); }
  /// Drops all.
  void clear() noexcept { drop(size()); }

 private:
  struct vectors;  // what the kernel is given
  explicit netlink_requests(netlink_socket& through) noexcept;
  void drop(std::size_t count) noexcept {
    first_ += count;
    if (first_ == end_) first_ = end_ = 0;
  }

  netlink_socket* through_;
  std::unique_ptr<vectors> vectors_;
  std::size_t first_ = 0;  // not sent
  std::size_t end_ = 0;
};

}  // namespace scm::inline v0_1
