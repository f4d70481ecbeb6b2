#include "cli/guard_log.hpp"

#include "cli/describe_text.hpp"
#include "cli/json_bytes.hpp"
#include "inspect/socket_details.hpp"
#include "inspect/words.hpp"
#include "service/policy_words.hpp"

#include <scm/inspect/description.hpp>
#include <scm/service/policy_text.hpp>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <new>

namespace scm::cli {
namespace {

using nlohmann::json;

std::string time_now() {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("{:%FT%T}.{:06}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (now - seconds).count());
}

template <class Words>
std::string socket_word(const Words& words, int number) {
  const auto word = detail::word_of(words, number);
  return word.empty() ? fmt::format("{}", number) : std::string{word};
}

/// What may be asked without waiting: the names of an IP socket wait for whoever is inside a send of it (`describe`).
result<description> description_of(borrowed_fd fd) {
  const auto family = detail::socket_option(fd, SO_DOMAIN);
  if (!family || *family == AF_UNIX || *family == AF_NETLINK) return describe(fd);
  description out;
  out.kind = descriptor_kind::socket;
  out.access = access_mode::read_write;
  struct stat status{};
  if (::fstat(fd.native_handle(), &status) == 0) out.identity.inode = status.st_ino;
  const auto option = [&](int name) { return detail::socket_option(fd, name).value_or(0); };
  out.socket = socket_description{.family = *family,
                                  .type = option(SO_TYPE),
                                  .protocol = option(SO_PROTOCOL),
                                  .listening = option(SO_ACCEPTCONN) != 0,
                                  .local = {},
                                  .peer = {}};
  return out;
}

/// What is placed is what is received.
std::string outcome_text(policy_outcome outcome, bool received) {
  if (!received) outcome.close_on_exec = outcome.scattered = false;
  auto text = text_of(outcome);
  if (!text) throw std::bad_alloc{};
  return *std::move(text);
}

std::string text_of_end(const std::optional<address>& end) {
  if (!end) return "?";
  return std::string{end->text().view()};
}

json json_record(const guarded_message& of, const policy_decision& decision) {
  const supervised_message& message = of.message();
  const bool received = message.use == message_use::receive;
  json out{{"time", time_now()},
           {"pid", message.process},
           {"thread", message.thread},
           {"call", received ? "receive" : "send"},
           {"action", detail::word_of(detail::action_words, decision.outcome.what)},
           {"decision", outcome_text(decision.outcome, received)},
           {"line", decision.line},
           {"family", socket_word(detail::family_words, of.family())},
           {"type", socket_word(detail::type_words, of.type())},
           {"bytes", message.payload.size()},
           {"flags", message.flags},
           {"descriptors", json::array()}};
  if (!of.program().empty()) put_bytes(out, "program", of.program());
  if (of.peer()) out["peer"] = of.peer()->text().view();
  if (of.local()) out["local"] = of.local()->text().view();
  if (const auto& who = of.peer_process()) {
    out["peer_process"] = {{"pid", who->pid}, {"uid", who->uid}, {"gid", who->gid}};
  }
  if (of.more_bytes()) out["more_bytes"] = true;
  for (std::size_t i = 0; i != message.descriptors.size(); ++i) {
    const auto what = description_of(message.descriptors[i]);
    json one = what ? description_record(*what) : json{{"error", what.error().message()}};
    one.erase("close_on_exec");  // of our own descriptor
    if (i >= message.fitting) one["no_room"] = true;
    out["descriptors"].push_back(std::move(one));
  }
  return out;
}

std::string text_record(const guarded_message& of, const policy_decision& decision) {
  const supervised_message& message = of.message();
  const bool received = message.use == message_use::receive;
  std::string out = fmt::format("{} {} line {}: {} {} {} {}{} {} {} {}, {} byte{}", time_now(),
                                outcome_text(decision.outcome, received), decision.line, message.process,
                                of.program().empty() ? "?" : shown(of.program()), received ? "receive" : "send",
                                socket_word(detail::family_words, of.family()), of.family() == AF_UNIX ? "" : " socket",
                                socket_word(detail::type_words, of.type()), received ? "from" : "to",
                                text_of_end(of.peer()), message.payload.size(),
                                of.more_bytes()               ? "s or more"
                                : message.payload.size() == 1 ? ""
                                                              : "s");
  if (const auto& who = of.peer_process()) out += fmt::format(", uid {} gid {}", who->uid, who->gid);
  out += fmt::format(", {} descriptor{}", message.descriptors.size(), message.descriptors.size() == 1 ? "" : "s");
  if (message.fitting < message.descriptors.size()) out += fmt::format(" (room for {})", message.fitting);
  for (std::size_t i = 0; i != message.descriptors.size(); ++i) {
    const auto what = description_of(message.descriptors[i]);
    out += i == 0 ? ": " : "; ";
    out += what ? description_summary(*what) : "cannot be described: " + what.error().message();
  }
  return out + '\n';
}

}  // namespace

std::string decision_record(const guarded_message& message, const policy_decision& decision, log_form form) {
  if (form == log_form::json) return json_text(json_record(message, decision)) + '\n';
  return text_record(message, decision);
}

outcome<guard_log> guard_log::open(const std::string& path) {
  guard_log made;
  // O_NONBLOCK is for pipes: of a regular file it means nothing.
  made.file_.reset(
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, S_IRUSR | S_IWUSR));
  if (!made.file_) return failed(step::open, "open the log " + shown(path), os_code(errno));
  return made;
}

result<void> guard_log::write(std::string_view record) noexcept {
  const int to = file_ ? file_.native_handle() : STDERR_FILENO;
  ssize_t written = 0;
  do written = ::write(to, record.data(), record.size());
  while (written < 0 && errno == EINTR);
  if (written < 0) return std::unexpected{os_code(errno)};
  if (static_cast<std::size_t>(written) != record.size()) return std::unexpected{os_code(EIO)};
  return {};
}

}  // namespace scm::cli
