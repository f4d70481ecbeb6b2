#include "cli/watched_program.hpp"

#include "cli/failure.hpp"
#include "cli/program_search.hpp"

namespace scm::cli {

std::expected<spawn_options, int> options_of(const std::vector<std::string>& command) {
  const auto found = find_program(command.front());
  if (!found) return std::unexpected{not_executed(command.front(), found.error())};
  spawn_options program{.program = *found};
  program.argument_zero = command.front();
  program.arguments.assign(command.begin() + 1, command.end());
  program.keep_inheritable = true;
  return program;
}

int not_executed(const std::string& word, std::error_code why) {
  complain(failed(step::other, "run " + shown(word), why).error().text);
  return why == std::errc::no_such_file_or_directory ? 127 : 126;
}

int status_of(const exit_status& ended) noexcept { return ended.signal != 0 ? 128 + ended.signal : ended.code; }

}  // namespace scm::cli
