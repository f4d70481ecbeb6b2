#include "cli/guarded_run.hpp"

#include "cli/failure.hpp"
#include "cli/guard_confinement.hpp"
#include "cli/guarded_message.hpp"
#include "cli/interruption.hpp"
#include "cli/watched_program.hpp"

#include <scm/process/inherited.hpp>
#include <scm/service/supervisor.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

namespace scm::cli {
namespace {

message_verdict verdict_of(const policy_outcome& outcome) noexcept {
  using enum message_verdict::action;
  message_verdict out{.what = deny, .error = outcome.error};
  switch (outcome.what) {
    case policy_action::allow:
      out.what = allow;
      break;
    case policy_action::deny:
      break;
    case policy_action::strip:
      out.what = strip;
      break;
    case policy_action::kill:
      out.what = kill;
      break;
  }
  out.close_on_exec = outcome.close_on_exec;
  out.scattered = outcome.scattered;
  return out;
}

/// Decides, and writes down what it decided before anything comes of it.
class guard_judge {
 public:
  guard_judge(const policy& by, const guarded_program& chosen, std::optional<guard_log> log)
      : by_{&by}, chosen_{&chosen}, log_{std::move(log)} {}

  message_verdict operator()(const supervised_message& message) {
    const guarded_message looked_at{message};
    const policy_decision decision = decide(*by_, looked_at.for_policy());
    if (record(looked_at, decision)) return verdict_of(decision.outcome);
    // Whoever must not pass does not pass because of this.
    if (chosen_->unlogged || decision.outcome.what == policy_action::kill) return verdict_of(decision.outcome);
    return {.what = message_verdict::action::deny, .error = EIO};
  }

 private:
  bool record(const guarded_message& message, const policy_decision& decision) {
    if (!log_) {
      if (decision.outcome.what == policy_action::allow) return true;
      static_cast<void>(guard_log::standard_error().write((chosen_->form == log_form::text ? "scm: " : "") +
                                                          decision_record(message, decision, chosen_->form)));
      return true;
    }
    const auto written = log_->write(decision_record(message, decision, chosen_->form));
    if (!written && !std::exchange(complained_, true)) {
      complain(fmt::format(
          "cannot write to the log {}: {}; {}", shown(chosen_->log), written.error().message(),
          chosen_->unlogged ? "messages go on without a record" : "messages without a record are denied (EIO)"));
    }
    return written.has_value();
  }

  const policy* by_;
  const guarded_program* chosen_;
  std::optional<guard_log> log_;
  bool complained_ = false;
};

int not_started(const guarded_program& what, const spawn_error& why) {
  if (why.step == spawn_step::execute) return not_executed(what.command.front(), why.code);
  const std::string doing = fmt::format("run {} ({})", shown(what.command.front()), text_of(why.step));
  const bool nested = why.step == spawn_step::filter && why.code == std::errc::device_or_resource_busy;
  return complain(
      failed(step::other, doing, why.code).error().text +
      (nested ? "; somebody decides on the messages of scm itself already, and a process has one listener" : ""));
}

}  // namespace

int run_guarded(const policy& by, const guarded_program& what) {
  // A log that has grown to RLIMIT_FSIZE is one that cannot be written, and no end of the guard.
  ::signal(SIGXFSZ, SIG_IGN);
  auto given = inherited::from_environment();
  if (!given) return complain("cannot hand on what scm was started with: " + given.error().message());
  std::optional<guard_log> log;
  if (!what.log.empty()) {
    auto opened = guard_log::open(what.log);
    if (!opened) return complain(opened.error().text);
    log = std::move(*opened);
  }

  auto program = options_of(what.command);
  if (!program) return program.error();
  std::vector<owned_fd> files;
  for (std::size_t i = 0; i != given->size(); ++i) {
    files.push_back(given->take(i));
    program->descriptors.push_back({given->name(i), files.back().get()});
  }
  supervisor_options options;
  guard_judge judge{by, what, std::move(log)};
  options.judge = [&judge](const supervised_message& message) { return judge(message); };
  options.at_end = what.release ? supervision_end::release : supervision_end::kill;
  options.before_serving = confine_guard;
  options.program_ended = [] { interruptions_go_to(0); };

  std::optional<result<supervisor, spawn_error>> started;
  {
    const interruptions_held held;
    started =
        started_under_filter(*program, [&](const spawn_options& asked) { return supervisor::start(asked, options); });
    if (*started) interruptions_go_to((*started)->program().pid());
  }
  files.clear();
  if (!*started) return not_started(what, started->error());
  const auto ended = (*started)->run();
  interruptions_go_to(0);
  if (!ended) return complain(failed(step::other, "guard " + shown(what.command.front()), ended.error()).error().text);
  return status_of(*ended);
}

}  // namespace scm::cli
