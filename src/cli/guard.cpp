#include "cli/guard.hpp"

#include "cli/describe_text.hpp"
#include "cli/failure.hpp"
#include "cli/policy_file.hpp"

#if SCM_WITH_SECCOMP
#include "cli/guarded_run.hpp"
#endif

#include <fmt/format.h>

#include <memory>
#include <new>
#include <utility>

namespace scm::cli {
namespace {

constexpr auto guard_footer = R"(
Runs COMMAND, and all that it starts, so that each of its messages (sendmsg, recvmsg, sendmmsg, recvmmsg) is carried out
by this process, if the policy says so. A policy is lines; # begins a comment:

  policy 1                  first
  default ACTION            second: for messages that no rule matches
  ACTION DIRECTION WORDS    a rule; the first that matches decides

  ACTION      allow; deny (EACCES), deny=ERRNO; strip (the descriptors are lost, the rest goes on); kill (the process)
  DIRECTION   send, receive, any
  WORDS       all of these must hold, each at most once:
    program=NAME           the file that runs; also /PATH, /PATH*
    peer=ADDRESS           the other end: /PATH, @NAME, either with * at its end, or unnamed
    local=ADDRESS          the program's own socket
    peer-uid=N peer-gid=N  in the kernel's words
    family=unix/...  type=stream/dgram/seqpacket
    fds=none               no descriptors
    fds=RULES              descriptors, as RULES say (scm help recv); fds=RULES;RULES tells two apart
    count<=N  bytes<=N     also >= and =; N may end in K, M or G for bytes
    oob=yes                urgent data (MSG_OOB)
    cloexec, scattered     of allow, how received descriptors are placed: close-on-exec; at random numbers

To allow, every descriptor must be as RULES say; to deny, strip or kill, one is enough. What cannot be known allows nothing
and is kept out. Addresses and paths are names that their owners chose, no identities.

Each decision is a record in the log, written before it is carried out. Without --log those that are not to allow go to
standard error.

--check prints the policy as it is understood, or points at what is wrong.

Exit status: that of COMMAND, 128 and the number of the signal that killed it, 127 when there is no such program, 126 when
it cannot be executed; 1 when it could not be guarded; 2 for wrong usage. With --check 0 or 1.

  scm guard --policy web.policy --log web.log -- nginx
  scm guard --policy web.policy --check
)";

struct guard_options {
  std::string policy;
  std::string log;
  bool check = false;
  bool as_json = false;
  std::string unlogged = "deny";
  bool release = false;
  std::vector<std::string> misplaced;
  std::vector<std::string> command;
};

/// 0 for a policy, 1 for what is none.
int check(const guard_options& chosen) {
  const auto read = read_policy(chosen.policy);
  nlohmann::json record{{"policy", shown(chosen.policy)}, {"valid", read.has_value()}};
  if (!read) {
    if (!chosen.as_json) return complain(read.error().text);
    const auto& place = read.error().place;
    record["error"] = place ? place->what : read.error().text;
    if (place) record["line"] = place->line;
    if (place) record["column"] = place->column;
    static_cast<void>(print(json_text(record) + '\n'));
    return exit_failure;
  }
  const auto text = text_of(*read);
  if (!text) throw std::bad_alloc{};
  record["rules"] = read->rules.size();
  record["text"] = *text;
  return print(chosen.as_json ? json_text(record) + '\n' : *text) ? exit_success : exit_failure;
}

int guard(const guard_options& chosen) {
  auto read = read_policy(chosen.policy);
  if (!read) return complain(read.error().text);
#if SCM_WITH_SECCOMP
  return run_guarded(*read, {.command = chosen.command,
                             .log = chosen.log,
                             .form = chosen.as_json ? log_form::json : log_form::text,
                             .unlogged = chosen.unlogged == "allow",
                             .release = chosen.release});
#else
  return complain("this scm was built without libseccomp, and cannot guard anything; --check works");
#endif
}

}  // namespace

void add_guard(CLI::App& program, std::function<int()>& action, const std::optional<std::vector<std::string>>& words) {
  const auto chosen = std::make_shared<guard_options>();
  auto* const command = program.add_subcommand("guard", "Run a program and decide on its messages by a policy");
  command->footer(guard_footer);
  command->add_option("--policy", chosen->policy, "The policy's file, see below")->type_name("FILE")->required();
  command->add_option("--log", chosen->log, "Append a record of each decision to FILE")->type_name("FILE");
  auto* const check_alone = command->add_flag("--check", chosen->check, "Look at the policy, and run nothing");
  command->add_flag("--json", chosen->as_json, "Records are JSON objects, one on a line");
  command
      ->add_option(
          "--unlogged", chosen->unlogged,
          "Messages whose record cannot be written: deny them (EIO), as without, or allow what the policy does")
      ->type_name("deny|allow")
      ->check([](const std::string& word) {
        return word == "deny" || word == "allow" ? std::string{} : "neither deny nor allow: " + shown(word);
      });
  command->add_flag(
      "--release", chosen->release,
      "Programs outlive this process, but their messages fail (ENOSYS); without, they are killed with it");
  command->add_option("COMMAND", chosen->misplaced, "After --: the program to run, and its arguments")->type_name("");
  command->callback([chosen, check_alone, &words, &action] {
    if (!chosen->misplaced.empty()) throw CLI::ValidationError("put -- before the COMMAND");
    if (words && check_alone->count() != 0) throw CLI::ValidationError("--check goes without a COMMAND");
    if (check_alone->count() == 0 && (!words || words->empty())) {
      throw CLI::ValidationError("a COMMAND is missing after --");
    }
    if (words) chosen->command = *words;
    action = [chosen] { return chosen->check ? check(*chosen) : guard(*chosen); };
  });
}

}  // namespace scm::cli
