// A kernel that is made up: sockets that are queues, a table that is a list, and a program that is a piece of memory.
#pragma once

#include "service/supervisor_kernel.hpp"

#include "core/os_error.hpp"

#include <scm/core/control_items.hpp>
#include <scm/core/control_view.hpp>
#include <scm/foreign/layout.hpp>
#include <scm/foreign/memory.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace scm::test {

// What is queued in a socket, or was sent through it.
struct fake_message {
  std::string bytes;
  std::size_t descriptors = 0;
  std::string name{};
};

class fake_kernel final : public detail::supervised_kernel {
 public:
  explicit fake_kernel(std::span<const memory_image::segment> segments)
      : image_{segments}, file_{::eventfd(0, EFD_CLOEXEC)} {}

  // What a test sets up, and looks at afterwards.
  int type = SOCK_SEQPACKET;
  bool blocking = true;
  std::optional<std::chrono::nanoseconds> limit{};
  int lowest = 1;
  std::deque<fake_message> queued{};
  bool ended = false;             // what follows the queue is the end of file
  std::size_t room = 1 << 20;     // bytes that can be sent now
  std::size_t table_room = 1000;  // descriptors that the program's table has room for
  std::vector<fake_message> sent{};
  std::size_t installed = 0, dequeued = 0, fetched = 0, broken_pipes = 0, killed = 0;
  std::vector<bool> close_on_exec{};
  int left_error = 0;
  bool twice = false;  // something was installed twice, or was not ours to install
  std::chrono::steady_clock::time_point clock{std::chrono::hours{1}};
  // Asked before each call, by its name: an errno to fail with, or 0.
  std::function<int(const char*)> trouble = [](const char*) { return 0; };
  std::function<bool()> is_valid = [] { return true; };
  foreign_memory* instead = nullptr;

  foreign_memory& memory() noexcept override { return instead != nullptr ? *instead : image_; }
  bool valid() noexcept override { return is_valid(); }
  std::chrono::steady_clock::time_point now() noexcept override { return clock; }
  detail::supervised_caller who() noexcept override { return {7, 5, file_.get()}; }

  result<owned_fd> fetch(int number) noexcept override {
    if (number < 0) return detail::os_failure(EBADF);
    if (const int failure = trouble("fetch")) return detail::os_failure(failure);
    ++fetched;
    return duplicate(file_.get());
  }
  result<int> install(borrowed_fd ours, bool cloexec, bool) noexcept override {
    if (const int failure = trouble("install")) return detail::os_failure(failure);
    twice = twice || under_way_.erase(ours.native_handle()) == 0 || ::fcntl(ours.native_handle(), F_GETFD) < 0;
    if (installed == table_room) return detail::os_failure(EMFILE);
    close_on_exec.push_back(cloexec);
    return 100 + static_cast<int>(installed++);
  }
  result<std::optional<credentials>> identity(const std::optional<credentials>& claimed) noexcept override {
    if (const int failure = trouble("identity")) return detail::os_failure(failure);
    return claimed;
  }
  result<detail::found_name> find(std::span<const std::byte> name) noexcept override {
    if (const int failure = trouble("find")) return detail::os_failure(failure);
    detail::found_name found;
    found.file = duplicate(file_.get()).value_or(owned_fd{});
    std::memcpy(&found.name, name.data(), name.size());
    found.size = static_cast<socklen_t>(name.size());
    return found;
  }
  credentials seen_there(const credentials& sender) noexcept override { return sender; }
  void break_pipe() noexcept override { ++broken_pipes; }
  void kill() noexcept override { ++killed; }
  result<int> option(borrowed_fd, int name) noexcept override {
    if (const int failure = trouble("option")) return detail::os_failure(failure);
    switch (name) {
      case SO_TYPE:
        return type;
      case SO_DOMAIN:
        return AF_UNIX;
      case SO_RCVLOWAT:
        return lowest;
      case SO_SNDBUF:
        return 1 << 20;
      default:
        return 0;
    }
  }
  result<std::optional<std::chrono::nanoseconds>> timeout(borrowed_fd, int) noexcept override { return limit; }
  void leave_error(borrowed_fd, int number) noexcept override { left_error = number; }
  bool connected(borrowed_fd) noexcept override { return true; }
  bool nonblocking(borrowed_fd) noexcept override { return !blocking; }

  result<std::size_t> receive(borrowed_fd, msghdr& message, int flags) noexcept override {
    if (const int failure = trouble("receive")) return detail::os_failure(failure);
    under_way_.clear();
    if (queued.empty()) {
      if (!ended) return detail::os_failure(EAGAIN);
      message.msg_controllen = 0;
      message.msg_namelen = 0;
      message.msg_flags = 0;
      return 0;
    }
    fake_message& first = queued.front();
    const std::size_t good = message.msg_iov[0].iov_len;
    const std::size_t whole = good + (message.msg_iovlen == 2 ? message.msg_iov[1].iov_len : 0);
    const std::size_t taken = std::min(first.bytes.size(), whole);
    if (taken > good) return detail::os_failure(EFAULT);
    std::memcpy(message.msg_iov[0].iov_base, first.bytes.data(), taken);
    message.msg_flags = flags & MSG_CMSG_CLOEXEC;
    if (type != SOCK_STREAM && taken < first.bytes.size()) message.msg_flags |= MSG_TRUNC;
    const std::size_t name = std::min<std::size_t>(first.name.size(), message.msg_namelen);
    std::memcpy(message.msg_name, first.name.data(), name);
    message.msg_namelen = static_cast<socklen_t>(name);
    give(message, first.descriptors);
    if ((flags & MSG_PEEK) != 0) return taken;
    dequeued += first.descriptors;
    first.descriptors = 0;
    first.bytes.erase(0, type == SOCK_STREAM ? taken : first.bytes.size());
    if (first.bytes.empty()) queued.pop_front();
    return taken;
  }
  detail::send_outcome send(borrowed_fd, int, const msghdr& message, int) noexcept override {
    if (const int failure = trouble("send")) return {detail::os_failure(failure), failure == EPIPE};
    if (room == 0) return {detail::os_failure(EAGAIN)};
    if (message.msg_iovlen == 2 && message.msg_iov[1].iov_len != 0) return {detail::os_failure(EFAULT)};
    fake_message one;
    const std::size_t size = message.msg_iov[0].iov_len;
    if (type != SOCK_STREAM && size > room) return {detail::os_failure(EAGAIN)};
    one.bytes.assign(static_cast<const char*>(message.msg_iov[0].iov_base), std::min(size, room));
    room -= one.bytes.size();
    control_view walk{{static_cast<const std::byte*>(message.msg_control), message.msg_controllen}};
    while (const auto item = walk.next()) {
      if (kind_of(*item) != control_kind::rights) continue;
      const auto rights = as_rights(*item);
      for (std::size_t i = 0; i != rights.size(); ++i) {
        if (::fcntl(rights[i], F_GETFD) < 0) return {detail::os_failure(EBADF)};
      }
      one.descriptors += rights.size();
    }
    if (message.msg_name != nullptr) one.name.assign(static_cast<const char*>(message.msg_name), message.msg_namelen);
    const std::size_t bytes = one.bytes.size();
    sent.push_back(std::move(one));
    return {bytes};
  }

 private:
  void give(msghdr& message, std::size_t count) noexcept {
    if (count == 0) {
      message.msg_controllen = 0;
      return;
    }
    auto* const header = static_cast<cmsghdr*>(message.msg_control);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = cmsg_len(4 * count);
    for (std::size_t i = 0; i != count; ++i) {
      const int number = ::fcntl(file_.native_handle(), F_DUPFD_CLOEXEC, 0);
      std::memcpy(static_cast<std::byte*>(message.msg_control) + cmsg_header_size() + 4 * i, &number, sizeof number);
      under_way_.insert(number);
    }
    message.msg_controllen = cmsg_space(4 * count);
  }

  memory_image image_;
  owned_fd file_;
  std::set<int> under_way_;  // descriptors of the message that was received last
};

}  // namespace scm::test
