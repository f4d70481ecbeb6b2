#include "cli/sender.hpp"

#include "cli/failure.hpp"

#include <scm/inspect/description.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

namespace scm::cli {
namespace {

// What the kernel attaches to a message that was queued before anybody asked for credentials: no process, and the ids
// of nobody (kernel fact E4).
bool says_nothing(const credentials& who) noexcept {
  constexpr uid_t overflow = 65534;
  return who.pid == 0 && who.uid == overflow && who.gid == overflow;
}

/// What program a process runs: its executable's path, else (a zombie, somebody else's process) its own name.
std::string program_of(pid_t process) {
  std::array<char, limits::link_bytes> text{};
  const auto link = fmt::format("/proc/{}/exe", process);
  if (const ssize_t size = ::readlink(link.c_str(), text.data(), text.size()); size > 0) {
    return {text.data(), static_cast<std::size_t>(size)};
  }
  const owned_fd name{::open(fmt::format("/proc/{}/comm", process).c_str(), O_RDONLY | O_CLOEXEC)};
  if (!name) return {};
  const ssize_t size = ::read(name.native_handle(), text.data(), text.size());
  if (size <= 0) return {};
  const std::string_view line{text.data(), static_cast<std::size_t>(size)};
  return std::string{line.substr(0, line.find('\n'))};
}

bool still_runs(borrowed_fd pidfd) noexcept {
  pollfd event{pidfd.native_handle(), POLLIN, 0};
  return pidfd && ::poll(&event, 1, 0) == 0;
}

void look_up_program(sender& who, borrowed_fd pidfd) {
  pid_t process = who.who ? who.who->pid : 0;
  if (pidfd) {
    // The number in our own pid namespace, which is the one that /proc shows.
    const auto what = describe(pidfd);
    process = what ? what->process.value_or(0) : 0;
  }
  if (process <= 0) return;
  who.program = program_of(process);
  who.checked = still_runs(pidfd);
  if (pidfd && !who.checked) who.program.clear();  // perhaps another's that has the number now
}

}  // namespace

sender sender_of(const message& received, const channel& via) {
  sender out;
  if (received.sender && !says_nothing(*received.sender)) {
    out.who = received.sender;
    look_up_program(out, received.sender_pidfd.get());
    return out;
  }
  const auto peer = via.peer();
  if (!peer.process.value) return out;
  out.who = *peer.process.value;
  out.from = evidence::connection;
  look_up_program(out, peer.pidfd.value ? peer.pidfd.value->get() : borrowed_fd{-1});
  return out;
}

std::string sender_text(const sender& who) {
  if (!who.who) return "unknown";
  auto text = fmt::format("pid {} uid {} gid {}", who.who->pid, who.who->uid, who.who->gid);
  if (who.from == evidence::connection) text += " (who made the connection)";
  if (who.program.empty()) return text + ", program unknown (ended, or not to be looked at)";
  text += fmt::format(", program {} ({})", shown(who.program), who.checked ? "hint; it still runs" : "hint, unchecked");
  return text;
}

nlohmann::json sender_record(const sender& who) {
  nlohmann::json out;
  if (!who.who) return out;
  out["pid"] = who.who->pid;
  out["uid"] = who.who->uid;
  out["gid"] = who.who->gid;
  out["evidence"] = who.from == evidence::message ? "message" : "connection";
  if (!who.program.empty()) {
    out["program"] = who.program;
    out["program_checked"] = who.checked;
  }
  return out;
}

}  // namespace scm::cli
