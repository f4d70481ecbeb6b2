#include <scm/process/notify.hpp>

#include "core/os_error.hpp"

#include <scm/channel/stream.hpp>
#include <scm/process/named_fd.hpp>

#include <array>
#include <cstdlib>
#include <new>
#include <utility>

namespace scm::inline v0_1 {

result<notifier> notifier::from_environment() noexcept {
  // NOLINTBEGIN(concurrency-mt-unsafe): whoever calls us is told so
  const char* const value = std::getenv("NOTIFY_SOCKET");
  if (value == nullptr) return notifier{};
  const std::string_view text{value};  // stays readable: unsetenv(3) frees nothing
  ::unsetenv("NOTIFY_SOCKET");
  // NOLINTEND(concurrency-mt-unsafe)
  if (text.starts_with("vsock")) return std::unexpected{make_error_code(errc::unsupported)};
  // Relative paths are not meant: they would depend on where this program stands.
  if (!text.starts_with('/') && !text.starts_with('@')) return std::unexpected{make_error_code(errc::bad_address)};
  const auto manager = address::parse(text);
  if (!manager) return std::unexpected{manager.error()};
  return to(*manager);
}

result<notifier> notifier::to(const address& manager) noexcept {
  auto socket = datagram::open();
  if (!socket) return std::unexpected{socket.error()};
  notifier made;
  made.socket_.emplace(std::move(*socket));
  made.manager_ = manager;
  return made;
}

result<void> notifier::send(std::string_view lines, borrowed_fds descriptors, deadline until) noexcept {
  if (!socket_) return {};
  if (lines.empty()) return std::unexpected{make_error_code(errc::empty_message)};
  if (const auto sent = socket_->send_to(manager_, lines, descriptors, {.until = until}); !sent) {
    return std::unexpected{sent.error().code};
  }
  return {};
}

result<void> notifier::store(std::string_view name, borrowed_fds descriptors, deadline until) noexcept {
  if (!is_fd_name(name)) return detail::os_failure(EINVAL);
  constexpr std::string_view before = "FDSTORE=1\nFDNAME=";
  std::array<char, before.size() + limits::fd_name_bytes> text;
  before.copy(text.data(), before.size());
  name.copy(text.data() + before.size(), name.size());
  return send({text.data(), before.size() + name.size()}, descriptors, until);
}

result<void> notifier::barrier(deadline until) noexcept {
  if (!socket_) return {};
  auto ends = stream::pair();
  if (!ends) return std::unexpected{ends.error()};
  auto& [here, there] = *ends;
  owned_fd given = std::move(there).release();
  if (auto sent = send("BARRIER=1", given.get(), until); !sent) return sent;
  given.reset();
  // It is closed once the manager has read it, and so all before it; nothing is ever written.
  std::array<std::byte, 1> nothing;
  const auto end = here.receive(nothing, 0, {.until = until});
  if (end) return std::unexpected{make_error_code(errc::malformed)};
  if (end.error().code == errc::end_of_file) return {};
  return std::unexpected{end.error().code};
}

std::optional<std::string_view> notification::value(std::string_view name) const noexcept {
  for (std::string_view rest = lines; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.starts_with(name) && line.substr(name.size()).starts_with('=')) return line.substr(name.size() + 1);
    rest.remove_prefix(line.size() == rest.size() ? line.size() : line.size() + 1);
  }
  return {};
}

result<notify_socket> notify_socket::bind(const address& at, const bind_options& file) noexcept {
  auto socket = datagram::bind(at, file, {.items = {receive_item::credentials, receive_item::pidfd}});
  if (!socket && socket.error() == errc::unsupported) {  // before Linux 6.5
    socket = datagram::bind(at, file, {.items = {receive_item::credentials}});
  }
  if (!socket) return std::unexpected{socket.error()};
  try {
    return notify_socket{std::move(*socket), std::vector<char>(most_bytes)};
  } catch (const std::bad_alloc&) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
}

result<notification, receive_error> notify_socket::receive(deadline until) noexcept {
  auto got = socket_.receive(room_, most_descriptors, {.until = until});
  if (!got) return std::unexpected{got.error()};
  if (!got->sender) return std::unexpected{receive_error{errc::malformed, got->descriptors.size(), most_descriptors}};
  return notification{.lines = {room_.data(), got->size},
                      .sender = *got->sender,
                      .sender_pidfd = std::move(got->sender_pidfd),
                      .descriptors = std::move(got->descriptors)};
}

}  // namespace scm::inline v0_1
