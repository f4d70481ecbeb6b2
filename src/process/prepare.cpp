/// Options made into arguments, environment and a plan of descriptors.
#include "process/run_as.hpp"
#include "process/start.hpp"

#include <cstring>
#include <utility>

namespace scm::inline v0_1::detail {
namespace {

constexpr std::array<std::string_view, 4> ours{"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "LISTEN_PIDFDID="};

bool is_ours(std::string_view variable) noexcept {
  return std::ranges::any_of(ours, [&](std::string_view one) { return variable.starts_with(one); });
}

// A string that the kernel sees whole.
bool is_whole(const std::string& text) noexcept { return text.find('\0') == std::string::npos; }

bool is_variable(const std::string& text) noexcept {
  const auto equals = text.find('=');
  return equals != std::string::npos && equals != 0 && is_whole(text);
}

// execve(2) takes its strings as not const, and does not write to them.
char* lent(const std::string& text) noexcept { return const_cast<char*>(text.c_str()); }

std::error_code check(const spawn_options& options) noexcept {
  const std::error_code wrong = std::make_error_code(std::errc::invalid_argument);
  if (options.program.empty()) return wrong;
  for (const std::string* one : {&options.program, &options.argument_zero, &options.directory}) {
    if (!is_whole(*one)) return wrong;
  }
  if (!std::ranges::all_of(options.arguments, is_whole)) return wrong;
  if (options.environment && !std::ranges::all_of(*options.environment, is_variable)) return wrong;
  if (options.as && !says_everything(*options.as)) return wrong;
  if (options.descriptors.size() > limits::inherited_descriptors) return errc::over_limit;
  return {};
}

void add_environment(start& into, const spawn_options& options) {
  if (options.environment) {
    for (const std::string& one : *options.environment) {
      if (!is_ours(one)) into.envp.push_back(lent(one));
    }
  } else {
    for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
      if (!is_ours(*one)) into.envp.push_back(*one);
    }
  }
  if (!options.descriptors.empty()) {
    into.count = std::string{ours[1]} + std::to_string(options.descriptors.size());
    into.names = ours[2];
    for (const named_fd& one : options.descriptors) {
      if (&one != &options.descriptors.front()) into.names += ':';
      into.names += one.name;
    }
    std::ranges::copy(ours[0], into.process_id.begin());
    into.envp.insert(into.envp.end(), {lent(into.count), lent(into.names), into.process_id.data()});
  }
  into.envp.push_back(nullptr);
}

void add_descriptors(start& into, const spawn_options& options) {
  const standard_stream* streams[] = {&options.input, &options.output, &options.error};
  for (std::size_t i = 0; i != 3; ++i) {
    into.streams[i] = streams[i]->what();
    if (into.streams[i] == standard_stream::kind::given) {
      into.placed.push_back({streams[i]->given().native_handle(), static_cast<int>(i), spawn_step::streams, i});
    }
  }
  for (std::size_t i = 0; i != options.descriptors.size(); ++i) {
    into.placed.push_back(
        {options.descriptors[i].fd.native_handle(), first_passed + static_cast<int>(i), spawn_step::descriptors, i});
  }
}

}  // namespace

result<void, spawn_error> make_ready(start& into, const spawn_options& options) {
  const auto wrong = [](std::error_code code, std::size_t position = 0) {
    return std::unexpected{spawn_error{code, spawn_step::prepare, position}};
  };
  if (const auto code = check(options)) return wrong(code);
  for (std::size_t i = 0; i != options.descriptors.size(); ++i) {
    if (!is_fd_name(options.descriptors[i].name)) return wrong(std::make_error_code(std::errc::invalid_argument), i);
  }
  into.asked = &options;
  into.argv.push_back(lent(options.argument_zero.empty() ? options.program : options.argument_zero));
  for (const std::string& one : options.arguments) into.argv.push_back(lent(one));
  into.argv.push_back(nullptr);
  add_environment(into, options);
  add_descriptors(into, options);
  return {};
}

}  // namespace scm::inline v0_1::detail
