#include "cli/trace.hpp"

#include "cli/describe_text.hpp"
#include "cli/failure.hpp"
#include "cli/interruption.hpp"
#include "cli/trace_summary.hpp"
#include "cli/trace_text.hpp"
#include "cli/watched_program.hpp"

#include <scm/inspect/socket_name.hpp>
#include <scm/service/tracer.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scm::cli {
namespace {

constexpr auto trace_footer = R"(
Runs COMMAND, and says of every sendmsg(2), recvmsg(2), sendmmsg(2) and recvmmsg(2) that it and all it starts make, in
the order in which they return: when it was made, by whom, on which socket, what came of it, and what it passed.

      0.004198 python3[71] sendmsg fd 4 (stream -> process 71): 5 bytes #1, 1 descriptor  "hello"
               6         memfd            rw     -   ...
      0.004311 python3[72] recvmsg fd 5 (stream -> process 71): 5 bytes #2, 1 descriptor  <- #1 of python3[71] (fd 4)
               6>7       memfd            rw     cloexec ...

#N numbers messages; "<- #N" is the send that a receive belongs to, with a ? where that is not sure: another that looks the
same was on its way, or there are no descriptors to know it by. On streams only messages with descriptors are followed. Below stands each descriptor as scm inspect prints it:
by its number, or SENDER'S>RECEIVER'S, and lost where it did not come, with the reason. The process behind -> is the one
that connected, listened or made the pair (SO_PEERCRED), which may have handed the socket on.

-f PATTERN keeps what a program by a name that matches does (fnmatch(3); the name is that of /proc/PID/comm), or what is
done on a socket that has, is connected to, or sends to such an address. -e keeps calls of a kind. Of each of the two
several can be given, of which one must hold. The summary of -c is of all calls.

The calls are the program's own, so that it behaves as without this; what it can notice is in docs/see-what-crosses.md.
COMMAND cannot be traced twice: no debugger beside it. Processes that it leaves behind are waited for.

The exit status is the one of COMMAND, 128 and the number of the signal that killed it, 127 when there is no such
program, 126 when it cannot be executed, and 1 when it could not be traced.

  scm trace -- ./daemon                            all messages, on standard error
  scm trace -e descriptors -c -o log -- ./daemon   those that carry or lost descriptors, and who got what
  scm trace -f '/run/*' --json -- ./daemon         those of sockets in /run)";

struct trace_options {
  std::string file;
  bool as_json = false;
  bool summary = false;
  std::size_t payload = 32;
  std::vector<std::string> patterns;
  std::vector<std::string> kinds;
  std::vector<std::string> misplaced;
  std::vector<std::string> command;
};

bool carries(const traced_message& message) {
  return !message.descriptors.empty() || !message.lost.empty() || (message.flags & MSG_CTRUNC) != 0;
}

// Of each stop the tracer is told when it asks. A signal as well, which nobody waits for, costs every call.
void want_no_signals_of_stops() {
  struct sigaction how{};
  if (::sigaction(SIGCHLD, nullptr, &how) != 0) return;
  how.sa_flags |= SA_NOCLDSTOP;
  (void)::sigaction(SIGCHLD, &how, nullptr);
}

class tracing {
 public:
  explicit tracing(const trace_options& chosen) : chosen_{chosen} {}

  int run() {
    if (!chosen_.file.empty()) {
      file_.reset(std::fopen(chosen_.file.c_str(), "we"));
      if (!file_) {
        return complain(failed(step::other, "write to " + shown(chosen_.file), os_code(errno)).error().text);
      }
      (void)std::setvbuf(file_.get(), nullptr, _IONBF, 0);  // as standard error is
    }
    want_no_signals_of_stops();
    auto started = start();
    if (!started) return started.error();
    start_ = std::chrono::system_clock::now();
    bool passing_on = true;
    for (;;) {
      auto call = started->next();
      if (passing_on && started->ended()) {
        interruptions_go_to(0);  // its number is not its own any more
        passing_on = false;
      }
      if (!call) return complain("cannot go on tracing, and killed the program: " + call.error().message());
      if (!*call) break;
      if (chosen_.summary) summary_.add(**call);
      if (is_wanted(**call)) {
        line_.clear();
        if (chosen_.as_json) {
          line_.append(json_text(call_record(**call)) + '\n');
        } else {
          add_call(line_, **call, start_);
        }
        put({line_.data(), line_.size()});
      }
    }
    if (chosen_.summary) {
      auto left = started->unreceived();
      if (!left) return complain(left.error().message());
      summary_.add(*std::move(left), started->forgotten());
      if (chosen_.as_json) {
        for (const auto& record : summary_.records()) put(json_text(record) + '\n');
      } else {
        put(summary_.text());
      }
    }
    if (broken_) return complain("cannot write the trace: " + os_code(broken_).message());
    return status_of(started->ended().value_or(exit_status{}));
  }

 private:
  std::expected<tracer, int> start() {
    const std::string& word = chosen_.command.front();
    const auto program = options_of(chosen_.command);
    if (!program) return std::unexpected{program.error()};
    const interruptions_held held;
    auto made = started_under_filter(
        *program, [&](const spawn_options& asked) { return tracer::start(asked, {chosen_.payload}); });
    if (!made) {
      const auto& error = made.error();
      if (error.step == spawn_step::execute) return std::unexpected{not_executed(word, error.code)};
      return std::unexpected{
          complain(fmt::format("cannot trace {}: {}: {}", shown(word), text_of(error.step), error.code.message()))};
    }
    interruptions_go_to(made->program());
    return std::move(*made);
  }

  [[nodiscard]] bool is_wanted(const traced_call& call) const {
    const auto is_kind = [&](const std::string& kind) {
      if (kind == "errors") return call.ended != traced_call::outcome::returned;
      return std::ranges::any_of(call.messages, carries);
    };
    if (!chosen_.kinds.empty() && std::ranges::none_of(chosen_.kinds, is_kind)) return false;
    return chosen_.patterns.empty() ||
           std::ranges::any_of(chosen_.patterns, [&](const std::string& one) { return matches(one, call); });
  }

  static bool matches(const std::string& pattern, const traced_call& call) {
    const auto fits = [&](const std::string& name) {
      return !name.empty() && ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    };
    const auto named = [&](const socket_name& name) { return fits(std::string{text_of(name).view()}); };
    return fits(call.program) || named(call.socket.local) || named(call.socket.peer) ||
           std::ranges::any_of(call.messages, [&](const traced_message& one) { return named(one.name); });
  }

  // One write for each call, so that lines of others on the same terminal do not come in between. The program goes on
  // when nobody reads the trace any more.
  void put(std::string_view text) {
    std::FILE* const to = file_ ? file_.get() : stderr;
    if (broken_ == 0 && std::fwrite(text.data(), 1, text.size(), to) != text.size()) broken_ = errno;
  }

  struct closing {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  const trace_options& chosen_;
  std::unique_ptr<std::FILE, closing> file_;
  std::chrono::system_clock::time_point start_;
  fmt::memory_buffer line_;
  trace_summary summary_;
  int broken_ = 0;
};

}  // namespace

void add_trace(CLI::App& program, std::function<int()>& action, const std::optional<std::vector<std::string>>& words) {
  const auto chosen = std::make_shared<trace_options>();
  auto* const command = program.add_subcommand("trace", "Show what a program and all that it starts send and receive");
  command->footer(trace_footer);
  command->add_option("COMMAND", chosen->misplaced, "After --: the program, looked up in PATH, and its arguments")
      ->type_name("");
  command->add_option("-o,--output", chosen->file, "Write the trace to FILE, not to standard error")->type_name("FILE");
  command->add_flag("--json", chosen->as_json, "One JSON object on a line for each call");
  command->add_flag("-c,--summary", chosen->summary, "At the end: who passed what to whom, and what did not arrive");
  command->add_option("-s,--payload", chosen->payload, "Bytes of each message that are shown")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{0}, tracer_options::most_payload));
  command->add_option("-f,--filter", chosen->patterns, "Only what programs or sockets with such a name do")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  command->add_option("-e,--only", chosen->kinds, "Only calls that carry or lose descriptors, or only those that fail")
      ->type_name("descriptors|errors")
      ->allow_extra_args(false)
      ->check([](const std::string& kind) {
        return kind == "descriptors" || kind == "errors" ? std::string{}
                                                         : "neither descriptors nor errors: " + shown(kind);
      });
  command->callback([chosen, &words, &action] {
    if (!chosen->misplaced.empty()) throw CLI::ValidationError("put -- before the COMMAND");
    if (!words || words->empty()) throw CLI::ValidationError("a COMMAND is missing after --");
    chosen->command = *words;
    action = [chosen] { return tracing{*chosen}.run(); };
  });
}

}  // namespace scm::cli
