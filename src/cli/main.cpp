/// The `scm` program: reads the command line and runs the subcommand that it names.
#include "cli/ctl.hpp"
#include "cli/failure.hpp"
#include "cli/guard.hpp"
#include "cli/inspect.hpp"
#include "cli/interruption.hpp"
#include "cli/recv.hpp"
#include "cli/send.hpp"
#include "cli/serve.hpp"
#include "cli/sockets.hpp"
#include "cli/standard_streams.hpp"
#include "cli/trace.hpp"

#include <scm/core/config.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scm::cli {
namespace {

/// What the command line says after "--", where it is a program to run and not more arguments of our own.
std::optional<std::vector<std::string>> cut_command(std::vector<std::string>& words) {
  static constexpr std::string_view with_command[] = {"recv", "ctl", "guard", "trace"};
  if (words.empty() || std::ranges::find(with_command, words.front()) == std::end(with_command)) return {};
  const auto mark = std::ranges::find(words, "--");
  if (mark == words.end()) return {};
  std::vector<std::string> command{mark + 1, words.end()};
  words.erase(mark, words.end());
  return command;
}

/// CLI11 takes "[a,b]" for a list of two. Such a word is a path wherever we accept it, except as --text.
void protect_brackets(std::vector<std::string>& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].starts_with('[') && words[i].ends_with(']') && words[i - 1] != "--text") words[i].insert(0, "./");
  }
}

void add_help(CLI::App& program, std::function<int()>& action) {
  const auto topic = std::make_shared<std::string>();
  auto* const command = program.add_subcommand("help", "Say how a subcommand is used");
  command->add_option("SUBCOMMAND", *topic, "Which one")->check([&program](const std::string& name) {
    const auto named = program.get_subcommands([&](const CLI::App* one) { return one->get_name() == name; });
    return named.empty() ? "there is no subcommand " + shown(name) : std::string{};
  });
  command->callback([topic, &program, &action] {
    action = [topic, &program] {
      // App::help() of the program would be that of the subcommand in use: this one.
      const auto text =
          topic->empty() ? program.get_formatter()->make_help(&program, program.get_name(), CLI::AppFormatMode::Normal)
                         : program.get_subcommand(*topic)->help(program.get_name());
      return print(text) ? exit_success : exit_failure;
    };
  });
}

std::string usage_text(const CLI::App* program, const CLI::Error& error) {
  const auto parsed = program->get_subcommands();
  const auto name = parsed.empty() ? program->get_name() : program->get_name() + ' ' + parsed.front()->get_name();
  const auto unknown = parsed.empty() ? program->remaining() : std::vector<std::string>{};
  const auto text = unknown.empty() ? shown(error.what()) : "there is no subcommand " + shown(unknown.front());
  return fmt::format("scm: {}\nTry: {} --help\n", text, name);
}

int run(std::vector<std::string> words) {
  CLI::App program{"Passes open files between Linux processes"};
  program.name("scm");
  program.require_subcommand(1);
  program.failure_message(usage_text);
  program.set_version_flag("--version",
                           fmt::format("scm {}.{}.{}", SCM_VERSION_MAJOR, SCM_VERSION_MINOR, SCM_VERSION_PATCH));

  const auto command = cut_command(words);
  protect_brackets(words);
  std::function<int()> action;
  add_send(program, action);
  add_recv(program, action, command);
  add_inspect(program, action);
  add_sockets(program, action);
  add_serve(program, action);
  add_ctl(program, action, command);
  add_guard(program, action, command);
#if SCM_WITH_SECCOMP
  add_trace(program, action, command);
#endif
  add_help(program, action);
  try {
    std::ranges::reverse(words);  // as CLI11 wants them
    program.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    const bool asked = program.exit(error) == 0;  // for help, or the version
    if (asked) return std::cout.flush() ? exit_success : exit_failure;
    return exit_usage;
  }
  return action();
}

}  // namespace
}  // namespace scm::cli

int main(int argc, char** argv) {
  scm::cli::hold_standard_streams();
  scm::cli::handle_interruptions();
  try {
    return scm::cli::run({argv + std::min(argc, 1), argv + argc});
  } catch (const std::bad_alloc&) {
    return scm::cli::complain("out of memory");
  } catch (const std::exception& error) {
    return scm::cli::complain(error.what());
  }
}
