#include "cli/ctl.hpp"

#include "cli/command.hpp"
#include "cli/control_session.hpp"
#include "cli/endpoint.hpp"
#include "cli/failure.hpp"
#include "cli/listening_socket.hpp"
#include "cli/place.hpp"
#include "cli/standard_streams.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace scm::cli {
namespace {

constexpr auto ctl_footer = R"(
{}

Sends the words of COMMAND as one line, with the descriptors that --file, --fd and --listen name, in this order, and
prints what is answered. Without a COMMAND the lines are those of standard input, and answers are printed as they come.

With a PROGRAM nothing is printed but an error. Otherwise scm becomes PROGRAM, under the same process id, with the
descriptors that came with the answer from 3 on, or with those that were sent if none came. LISTEN_FDS, LISTEN_PID and
LISTEN_FDNAMES say so, as under socket activation (sd_listen_fds(3)); the name is the second word of COMMAND.

{}

A server that hangs up without an answer is asked again, since it may have been replaced meanwhile.

Exit status: 0; 1 when the answer is an error, or there is none; 2 for wrong usage; 127 when there is no such PROGRAM, 126
when it cannot be executed.

  scm ctl /run/broker store web --listen 8080    has a broker (scm serve) keep a listening socket
  scm ctl /run/broker fetch web -- server        runs a server with it: connections wait while there is none
  scm ctl /run/broker                            asks for commands
)";

struct ctl_options {
  std::string address;
  std::vector<std::string> words;
  std::vector<std::string> files, descriptors, sockets;
  bool write = false;
  std::optional<uid_t> server;
  std::vector<std::string> program;
};

/// What goes with the line.
class luggage {
 public:
  [[nodiscard]] const std::vector<borrowed_fd>& lent() const noexcept { return lent_; }

  [[nodiscard]] outcome<> gather(const ctl_options& chosen) {
    // Before anything is opened: a number that is free now would be taken by one of our own.
    for (const auto& text : chosen.descriptors) {
      const int number = parse_number(text).value_or(-1);
      if (!was_inherited(number)) return failed(fmt::format("scm was not started with a descriptor {}", number));
    }
    for (const auto& path : chosen.files) {
      owned_fd file{::open(path.c_str(), (chosen.write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY)};
      if (!file) return failed(step::open, "open " + shown(path), os_code(errno));
      keep(std::move(file));
    }
    for (const auto& text : chosen.descriptors) lent_.emplace_back(parse_number(text).value_or(-1));
    for (const auto& spelled : chosen.sockets) {
      auto made = listening_socket(spelled);
      if (!made) return std::unexpected{made.error()};
      keep(std::move(*made));
    }
    if (lent_.size() > limits::descriptors_per_message) {
      return failed(fmt::format("{} descriptors are too many: the kernel takes at most {} in one message", lent_.size(),
                                limits::descriptors_per_message));
    }
    return {};
  }

 private:
  void keep(owned_fd&& descriptor) {
    lent_.push_back(descriptor.get());
    owned_.push_back(std::move(descriptor));
  }

  std::vector<owned_fd> owned_;
  std::vector<borrowed_fd> lent_;
};

outcome<stream*> connect(endpoint& end, const ctl_options& chosen) {
  auto at = place_of(chosen.address);
  at.type = socket_type::stream;
  if (auto opened = end.open(at, role::receiver); !opened) return std::unexpected{opened.error()};
  const auto next = end.next();
  if (!next) return std::unexpected{next.error()};
  return static_cast<stream*>(*next);
}

outcome<control_reply> ask(const ctl_options& chosen, const luggage& with) {
  std::string line;
  for (const auto& word : chosen.words) line += (line.empty() ? "" : " ") + word;
  constexpr int attempts = 5;
  for (int attempt = 1; attempt <= attempts; ++attempt) {
    endpoint end;
    const auto over = connect(end, chosen);
    if (!over) return std::unexpected{over.error()};
    auto reply = control_session{**over, shown(chosen.address), chosen.server}.ask(line, with.lent());
    if (!reply) return std::unexpected{reply.error()};
    if (*reply) return std::move(**reply);
    std::this_thread::sleep_for(std::chrono::milliseconds{10} * attempt);
  }
  return failed(shown(chosen.address) + " hangs up without an answer");
}

int run_line(const ctl_options& chosen) {
  luggage with;
  if (const auto gathered = with.gather(chosen); !gathered) return complain(gathered.error().text);
  auto reply = ask(chosen, with);
  if (!reply) return complain(reply.error().text);
  if (reply->error || chosen.program.empty()) {
    return print(reply->text) && !reply->error ? exit_success : exit_failure;
  }
  const auto came = reply->descriptors.view();
  return become_command(chosen.program, came.empty() ? std::span<const borrowed_fd>{with.lent()} : came,
                        chosen.words.size() > 1 ? chosen.words[1] : "unknown");
}

int run_session(const ctl_options& chosen) {
  endpoint end;
  const auto over = connect(end, chosen);
  if (!over) return complain(over.error().text);
  control_session session{**over, shown(chosen.address), chosen.server};
  const auto good = session.converse(::isatty(STDIN_FILENO) == 1 ? "scm> " : "");
  if (!good) return complain(good.error().text);
  return *good ? exit_success : exit_failure;
}

std::string word_fault(const std::string& word) {
  const bool good = !word.empty() && std::ranges::all_of(word, [](char c) { return c > ' ' && c != '\x7f'; });
  return good ? std::string{} : "not a word of a line: '" + shown(word) + "'";
}

}  // namespace

void add_ctl(CLI::App& program, std::function<int()>& action, const std::optional<std::vector<std::string>>& words) {
  const auto chosen = std::make_shared<ctl_options>();
  auto* const command = program.add_subcommand("ctl", "Send commands, and descriptors, to a control server");
  command->footer(fmt::format(ctl_footer, address_help, listening_help));
  add_address(*command, chosen->address);
  command->add_option("COMMAND", chosen->words, "Words of the line")->type_name("")->check(word_fault);
  const auto add = [&](const char* name, std::vector<std::string>& into, const char* help, const char* type) {
    return command->add_option(name, into, help)->type_name(type)->expected(1)->take_all()->allow_extra_args(false);
  };
  add("--file", chosen->files, "Open a file and send it", "FILE");
  command->add_flag("--write", chosen->write, "Open files for reading and writing");
  add("--fd", chosen->descriptors, "Send a descriptor that scm was started with", "N")
      ->check([](const std::string& text) {
        return parse_number(text) ? std::string{} : "not the number of a descriptor: " + shown(text);
      });
  add("--listen", chosen->sockets, "Make a listening socket and send it, see below", "ADDRESS");
  command->add_option("--server-uid", chosen->server, "Believe answers of this user alone")->type_name("UID");
  command->callback([chosen, &words, &action] {
    const bool luggage = !chosen->files.empty() || !chosen->descriptors.empty() || !chosen->sockets.empty();
    if (chosen->words.empty() && (luggage || words)) throw CLI::ValidationError("a COMMAND is missing");
    if (words && words->empty()) throw CLI::ValidationError("a PROGRAM is missing after --");
    if (words) chosen->program = *words;
    action = [chosen] { return chosen->words.empty() ? run_session(*chosen) : run_line(*chosen); };
  });
}

}  // namespace scm::cli
