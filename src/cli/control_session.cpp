#include "cli/control_session.hpp"

#include "cli/bounds.hpp"

#include <scm/core/limits.hpp>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace scm::cli {
namespace {

constexpr std::string_view error_start = R"({"err":)";

bool has_error(std::string_view text) {
  return text.starts_with(error_start) || text.contains(std::string{'\n'} + std::string{error_start});
}

bool is_end(std::error_code why) {
  return why == errc::end_of_file || why == std::errc::connection_reset || why == std::errc::broken_pipe;
}

}  // namespace

std::unexpected<failure> control_session::lost(std::error_code why) const {
  return failed(step::receive, "receive an answer from " + spelled_, why);
}

outcome<bool> control_session::receive(control_reply& into, deadline until) {
  std::array<char, 4096> some;
  const std::size_t most = limits::descriptors_per_message - into.descriptors.size();  // what one answer can have
  auto got = over_.receive(some, most, {.until = until});
  if (!got) {
    if (is_end(got.error().code)) return false;
    if (got.error() == std::errc::resource_unavailable_try_again) return true;
    return lost(got.error().code);
  }
  if (server_ && (!got->sender || got->sender->uid != *server_)) {
    return failed(fmt::format("uid {} answers at {}, not {}: nothing of it was used",
                              got->sender ? std::to_string(got->sender->uid) : "?", spelled_, *server_));
  }
  into.text.append(some.data(), got->size);
  if (into.text.size() > bounds::answer_bytes) {
    return failed(fmt::format("{} answers with more than {} bytes", spelled_, bounds::answer_bytes));
  }
  if (!into.descriptors.reserve(into.descriptors.size() + got->descriptors.size())) return failed("out of memory");
  for (std::size_t i = 0; i != got->descriptors.size(); ++i) (void)into.descriptors.adopt(got->descriptors.take(i));
  return true;
}

outcome<std::optional<control_reply>> control_session::ask(const std::string& line,
                                                           std::span<const borrowed_fd> descriptors) {
  control_reply reply;
  if (const auto sent = over_.send_all(line + '\n', descriptors); !sent && !is_end(sent.error().code)) {
    return failed(step::send, "send to " + spelled_, sent.error().code);
  }
  (void)over_.shutdown_send();  // what is answered then, to its end, is the answer
  for (;;) {
    const auto more = receive(reply, no_deadline);
    if (!more) return std::unexpected{more.error()};
    if (!*more) break;
  }
  if (reply.text.empty()) return std::optional<control_reply>{};
  reply.error = has_error(reply.text);
  return std::optional{std::move(reply)};
}

outcome<bool> control_session::print_what_came(bool& good) {
  control_reply reply;
  const auto more = receive(reply, dont_wait);
  if (!more) return more;
  if (has_error(reply.text)) good = false;
  if (!reply.descriptors.empty()) {
    reply.text += fmt::format("({} descriptors came with it, and were closed: use fetch with a PROGRAM)\n",
                              reply.descriptors.size());
  }
  if (!reply.text.empty() && !print(reply.text)) return failed("nobody reads the answers any more");
  return *more;
}

outcome<bool> control_session::converse(const char* prompt) {
  bool good = true;
  bool reading = true;
  std::string typed;
  if (!print(prompt)) return failed("nobody reads the answers any more");
  for (;;) {
    std::array<pollfd, 2> wait{{{over_.fd().native_handle(), POLLIN, 0}, {reading ? STDIN_FILENO : -1, POLLIN, 0}}};
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return failed(step::other, "wait", os_code(errno));
    if (wait[0].revents != 0) {
      const auto more = print_what_came(good);
      if (!more) return more;
      if (!*more) return good;
      if (reading && !print(prompt)) return failed("nobody reads the answers any more");
    }
    if (wait[1].revents == 0) continue;
    std::array<char, 4096> some;
    const ssize_t got = ::read(STDIN_FILENO, some.data(), some.size());
    if (got < 0 && errno != EINTR) return failed(step::other, "read standard input", os_code(errno));
    if (got == 0) {
      reading = false;
      if (!typed.empty()) typed += '\n';
    } else if (got > 0) {
      typed.append(some.data(), static_cast<std::size_t>(got));
    }
    if (const auto end = typed.rfind('\n'); end != typed.npos) {
      const auto sent = over_.send_all(std::string_view{typed}.substr(0, end + 1));
      if (!sent && !is_end(sent.error().code)) return failed(step::send, "send to " + spelled_, sent.error().code);
      typed.erase(0, end + 1);
    }
    if (typed.size() > bounds::answer_bytes) return failed("a line of standard input is too long");
    if (!reading) (void)over_.shutdown_send();
  }
}

}  // namespace scm::cli
