#include "service/supervisor_desk.hpp"

#include <cerrno>
#include <new>

namespace scm::inline v0_1::detail {

message_verdict supervised_desk::judged(const supervised_message& message) noexcept {
  message_verdict verdict;
  if (!judge) return verdict;
  try {
    verdict = judge(message);
  } catch (...) {
    verdict = {.what = message_verdict::action::deny};
  }
  if (verdict.what != message_verdict::action::allow) ++statistics.denied;
  if (verdict.error <= 0 || verdict.error > 4095) verdict.error = EACCES;
  return verdict;
}

result<payload_room> payload_room::take(supervised_desk& desk, std::size_t size) noexcept {
  payload_room made;
  if (size <= desk.payload.size()) {
    made.bytes_ = std::span{desk.payload}.first(size);
    return made;
  }
  made.own_.reset(new (std::nothrow) std::byte[size]);  // pages that nothing is written to cost nothing
  if (!made.own_) return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  made.bytes_ = {made.own_.get(), size};
  return made;
}

result<int> supervised_socket::family_by(supervised_kernel& kernel) noexcept {
  if (family < 0) {
    const auto asked = kernel.option(fd.get(), SO_DOMAIN);
    if (!asked) return asked;
    family = *asked;
  }
  return family;
}

int number_of_error(const std::error_code& error) noexcept {
  if (&error.category() == &std::system_category() || &error.category() == &std::generic_category()) {
    return error.value() > 0 ? error.value() : EIO;
  }
  if (error == errc::too_many_in_flight) return ETOOMANYREFS;
  if (error == errc::unsupported) return ENOSYS;
  return EINVAL;
}

bool patience_of_call::may_wait(supervised_kernel& kernel, borrowed_fd socket, std::uint32_t flags,
                                int option) noexcept {
  if ((flags & MSG_DONTWAIT) != 0) return false;
  if (!known_) {
    known_ = true;
    waits_ = !kernel.nonblocking(socket);
    if (waits_) {
      if (const auto limit = kernel.timeout(socket, option)) limit_ = *limit;
    }
  }
  return waits_;
}

deadline patience_of_call::until(supervised_kernel& kernel) noexcept {
  if (!limit_) return no_deadline;
  if (!until_) {
    const auto now = kernel.now();
    until_ = *limit_ > no_deadline - now ? no_deadline : now + *limit_;
  }
  return *until_;
}

}  // namespace scm::inline v0_1::detail
