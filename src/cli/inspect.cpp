#include "cli/inspect.hpp"

#include "cli/bounds.hpp"
#include "cli/describe_text.hpp"
#include "cli/expectation_words.hpp"
#include "cli/failure.hpp"
#include "cli/place.hpp"
#include "cli/process_table.hpp"
#include "cli/standard_streams.hpp"

#include <scm/inspect/admission.hpp>
#include <scm/inspect/expectation_text.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace scm::cli {
namespace {

constexpr auto inspect_footer = R"(TARGET is one of
  fd:N       descriptor N that scm itself was started with:  scm inspect fd:3 3<file
  PID:       every descriptor of process PID
  PID:FD     one descriptor of process PID
  N          descriptor N if scm was started with it, else every descriptor of process N
Without a TARGET: every descriptor that scm was started with.

{}
With --expect what does not match is reported, and the exit status is 1:
  scm inspect fd:3 --expect regular_file,access=r 3<file

Descriptors of other processes are fetched with pidfd_getfd(2), which takes the right to trace the process. They are
not read and nothing about them changes.)";

// What one TARGET asks for: an own descriptor, all of a process, or one of a process.
struct target {
  std::optional<pid_t> process;
  std::optional<int> number;
  bool bare = false;  // "N": `number` first, then `process`
};

std::optional<target> parse_target(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto first = parse_number(text.substr(0, colon));
  if (colon == text.npos) return first ? std::optional{target{first, first, true}} : std::nullopt;
  const std::string_view rest = text.substr(colon + 1);
  const auto second = parse_number(rest);
  if (text.substr(0, colon) == "fd") return second ? std::optional{target{{}, second}} : std::nullopt;
  if (!first || (!second && !rest.empty())) return {};
  return target{first, second};
}

std::string reason(std::error_code error) {
  switch (error.value()) {
    case EPERM:
    case EACCES:
      return "not permitted to look into this process: it belongs to another user, has more privileges, is not "
             "dumpable, "
             "or kernel.yama.ptrace_scope forbids it; run scm as its user, as one of its ancestors, or as root";
    case ESRCH:
      return "no such process";
    case EINVAL:
    case ENOENT:
      return "not a process: the number of a thread, or /proc is not there";
    case EMFILE:
    case ENFILE:
      return "no free descriptor here; raise the limit (ulimit -n)";
    default:
      return error.message();
  }
}

/// Writes what is found as it is found, so that a process with very many descriptors costs no memory here.
class printer {
 public:
  explicit printer(bool as_json) : json_{as_json} {}

  void add(std::optional<pid_t> process, int number, const description& what, bool knows_close_on_exec = true) {
    if (json_) {
      auto record = description_record(what);
      if (!knows_close_on_exec) record.erase("close_on_exec");
      record["fd"] = number;
      if (process) record["holder"] = *process;
      pending_ += std::exchange(first_, false) ? "[\n" : ",\n";
      pending_ += json_text(record);
    } else {
      if (std::exchange(first_, false)) pending_ += description_title() + '\n';
      const auto label = process ? fmt::format("{}:{}", *process, number) : fmt::to_string(number);
      pending_ += description_line(label, what) + '\n';
    }
    if (constexpr std::size_t block = 65536; pending_.size() >= block) flush();
  }

  void flush() {
    if (!pending_.empty() && working_) working_ = print(pending_);
    pending_.clear();
  }

  void finish() {
    if (json_) pending_ += first_ ? "[]\n" : "\n]\n";
    flush();
  }

  /// False once nothing can be written any more.
  bool working() const { return working_; }

 private:
  bool json_;
  bool first_ = true;
  bool working_ = true;
  std::string pending_;
};

class inspection {
 public:
  inspection(bool as_json, std::optional<expectation> expected) : out_{as_json}, expected_{std::move(expected)} {}

  void look_at_all_own() {
    auto numbers = numbers_in("/proc/self/fd");
    if (!numbers) {
      // No /proc, or no slot free to look into it: then one after the other.
      constexpr int tried = 65536;
      numbers.emplace();
      for (int number = 0; number < tried; ++number) numbers->push_back(number);
    }
    for (const int number : *numbers) {
      if (!out_.working()) return;
      if (!was_inherited(number)) continue;  // among them what /proc/self/fd was read through
      if (const auto error = add_own(number)) report(fmt::format("fd:{}", number), error.message());
    }
  }

  void look_at(const std::string& text, const target& wanted) {
    if (!wanted.process || (wanted.bare && was_inherited(*wanted.number))) {
      const auto error = was_inherited(*wanted.number) ? add_own(*wanted.number)
                                                       : std::make_error_code(std::errc::bad_file_descriptor);
      if (error == std::errc::bad_file_descriptor) return report(text, "scm was not started with this descriptor");
      if (error) report(text, error.message());
      return;
    }
    const auto table = process_table::open(*wanted.process);
    if (!table) {
      constexpr auto neither = "neither a descriptor that scm was started with nor a process";
      return report(text, wanted.bare && table.error() == std::errc::no_such_process ? neither : reason(table.error()));
    }
    if (wanted.bare || !wanted.number) return look_at_all_of(text, *table, *wanted.process);
    const auto error = add_fetched(*table, *wanted.process, *wanted.number);
    if (!error) return;
    const bool closed = error == std::errc::bad_file_descriptor;
    report(text,
           closed ? fmt::format("process {} has no descriptor {}", *wanted.process, *wanted.number) : reason(error));
  }

  int finish() {
    out_.finish();
    return out_.working() ? status_ : exit_failure;
  }

 private:
  void look_at_all_of(const std::string& text, const process_table& table, pid_t process) {
    const auto numbers = table.numbers();
    if (!numbers) return report(text, reason(numbers.error()));
    for (const int number : *numbers) {
      if (!out_.working()) return;
      const auto error = add_fetched(table, process, number);
      if (!error || error == std::errc::bad_file_descriptor) continue;  // closed since it was listed
      return report(text, reason(error));
    }
    if (table.gone()) report(text, "the process ended meanwhile: descriptors may be missing");
    if (numbers->size() == bounds::descriptors_listed) {
      report(text, fmt::format("only the first {} descriptors are listed", bounds::descriptors_listed));
    }
  }

  std::error_code add_own(int number) {
    const auto what = describe(borrowed_fd{number});
    if (!what) return what.error();
    out_.add({}, number, *what);
    check(borrowed_fd{number}, fmt::format("fd:{}", number));
    return {};
  }

  std::error_code add_fetched(const process_table& table, pid_t process, int number) {
    const auto fetched = table.fetch(number);
    if (!fetched) return fetched.error();
    auto what = describe(*fetched);
    if (!what) return what.error();
    const auto close_on_exec = table.close_on_exec(number);
    what->close_on_exec = close_on_exec.value_or(false);
    out_.add(process, number, *what, close_on_exec.has_value());
    check(*fetched, fmt::format("{}:{}", process, number));
    return {};
  }

  void check(borrowed_fd fd, const std::string& label) {
    if (!expected_) return;
    if (const auto admitted = admit(fd, *expected_); !admitted)
      report(label, fmt::format("not what was expected: {}", admitted.error().detail().view()));
  }

  void report(const std::string& about, const std::string& message) {
    out_.flush();
    status_ = complain(fmt::format("{}: {}", about, message));
  }

  printer out_;
  std::optional<expectation> expected_;
  int status_ = exit_success;
};

}  // namespace

void add_inspect(CLI::App& program, std::function<int()>& action) {
  struct options {
    std::vector<std::string> targets;
    bool as_json = false;
    std::string expect;
  };
  const auto chosen = std::make_shared<options>();
  auto* const command = program.add_subcommand("inspect", "Say what descriptors are: kind, access, seals, peers, path");
  command->footer(fmt::format(inspect_footer, expectation_help));
  command->add_flag("--json", chosen->as_json, "Print an array of records");
  auto* const expect = command->add_option("--expect", chosen->expect, "What each descriptor must be, see below");
  expect->type_name("RULES")->check(expectation_fault);
  command->add_option("TARGET", chosen->targets, "What to look at, see below")->check([](const std::string& text) {
    return parse_target(text) ? std::string{} : "not fd:N, PID:, PID:FD or N: " + shown(text);
  });
  command->callback([chosen, expect, &action] {
    action = [chosen, checked = expect->count() != 0] {
      inspection run{chosen->as_json, checked ? std::optional{*parse_expectation(chosen->expect)} : std::nullopt};
      if (chosen->targets.empty()) run.look_at_all_own();
      for (const auto& text : chosen->targets) run.look_at(text, *parse_target(text));
      return run.finish();
    };
  });
}

}  // namespace scm::cli
