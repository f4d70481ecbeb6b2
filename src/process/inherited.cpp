#include <scm/process/inherited.hpp>

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "process/start.hpp"

#include <scm/inspect/safe_text.hpp>

#include <charconv>
#include <cstdlib>
#include <new>
#include <optional>

namespace scm::inline v0_1 {
namespace {

using detail::first_passed;

// The variables of sd_listen_fds(3), which are unset when this is gone. What getenv(3) returned stays readable:
// unsetenv(3) frees nothing.
class listen_variables {
 public:
  listen_variables() noexcept = default;
  listen_variables(const listen_variables&) = delete;
  listen_variables& operator=(const listen_variables&) = delete;
  ~listen_variables() {
    for (const char* one : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"}) {
      ::unsetenv(one);  // NOLINT(concurrency-mt-unsafe): whoever calls us is told so
    }
  }

  const std::optional<std::string_view> process = value_of("LISTEN_PID");
  const std::optional<std::string_view> count = value_of("LISTEN_FDS");
  const std::optional<std::string_view> names = value_of("LISTEN_FDNAMES");

 private:
  static std::optional<std::string_view> value_of(const char* name) noexcept {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): the same
    return value == nullptr ? std::nullopt : std::optional<std::string_view>{value};
  }
};

// Digits only, and no more than an int has; from 1 on.
std::optional<int> positive(std::string_view text) noexcept {
  int number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

std::unexpected<inherit_error> failure(std::error_code code, inherit_fault fault, std::size_t position = 0) noexcept {
  return std::unexpected{inherit_error{code, fault, position}};
}
std::unexpected<inherit_error> invalid(inherit_fault fault, std::size_t position = 0) noexcept {
  return failure(std::make_error_code(std::errc::invalid_argument), fault, position);
}

// The descriptors that were passed, not owned by anybody yet: all are adopted, or all closed.
class passed {
 public:
  explicit passed(int count) noexcept : count_{count} {}
  passed(const passed&) = delete;
  passed& operator=(const passed&) = delete;
  ~passed() {
    for (int i = 0; i != count_; ++i) {
      const int flags = i < marked_ ? 0 : sys::fcntl(first_passed + i, F_GETFD);
      if (flags >= 0 && (flags & FD_CLOEXEC) == 0) sys::close(first_passed + i);
    }
  }

  result<void, inherit_error> check() const noexcept {
    for (int i = 0; i != count_; ++i) {
      const int flags = sys::fcntl(first_passed + i, F_GETFD);
      const auto position = static_cast<std::size_t>(i);
      if (flags < 0) return failure(detail::os_error(), inherit_fault::not_open, position);
      // It cannot have come through execve(2).
      if ((flags & FD_CLOEXEC) != 0) return failure(errc::wrong_descriptor, inherit_fault::not_ours, position);
    }
    return {};
  }
  result<void, inherit_error> mark() noexcept {
    for (; marked_ != count_; ++marked_) {
      if (sys::fcntl(first_passed + marked_, F_SETFD, FD_CLOEXEC) != 0) {
        return failure(detail::os_error(), inherit_fault::not_open, static_cast<std::size_t>(marked_));
      }
    }
    return {};
  }
  // Room for all has been taken.
  void adopt_into(descriptor_list& files) noexcept {
    for (int i = 0; i != count_; ++i) (void)files.adopt(first_passed + i);
    count_ = 0;
  }

 private:
  int count_;
  int marked_ = 0;
};

// Throws std::bad_alloc.
result<std::vector<std::string>, inherit_error> names_of(std::optional<std::string_view> text, int count) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(count));
  if (!text) {
    names.assign(static_cast<std::size_t>(count), "unknown");  // as sd_listen_fds_with_names(3)
    return names;
  }
  if (std::ranges::count(*text, ':') + 1 != count) return invalid(inherit_fault::names);
  for (std::string_view rest = *text;;) {
    const std::string_view one = rest.substr(0, rest.find(':'));
    if (!one.empty() && !is_fd_name(one)) return invalid(inherit_fault::name, names.size());
    names.emplace_back(one);
    if (one.size() == rest.size()) return names;
    rest.remove_prefix(one.size() + 1);
  }
}

std::string escaped(const char* name) { return safe_text(name).value_or("?"); }

}  // namespace

result<inherited, inherit_error> inherited::from_environment() noexcept {
  const listen_variables said;
  inherited all;
  if (!said.process) return all;
  const auto process = positive(*said.process);
  if (!process) return invalid(inherit_fault::process_id);
  if (*process != ::getpid()) {
    all.elsewhere_ = true;
    return all;
  }
  const auto count = said.count ? positive(*said.count) : std::nullopt;
  if (!count) return invalid(inherit_fault::count);
  if (static_cast<std::size_t>(*count) > limits::inherited_descriptors) {
    return failure(errc::over_limit, inherit_fault::count);
  }
  passed files{*count};
  try {
    auto names = names_of(said.names, *count);
    if (!names) return std::unexpected{names.error()};
    all.names_ = std::move(*names);
  } catch (const std::bad_alloc&) {
    return failure(std::make_error_code(std::errc::not_enough_memory), inherit_fault::memory);
  }
  if (const auto room = all.files_.reserve(all.names_.size()); !room) {
    return failure(room.error(), inherit_fault::memory);
  }
  if (const auto checked = files.check(); !checked) return std::unexpected{checked.error()};
  if (const auto marked = files.mark(); !marked) return std::unexpected{marked.error()};
  files.adopt_into(all.files_);
  return all;
}

std::size_t inherited::position_of(std::string_view name) const noexcept {
  std::size_t position = 0;
  while (position != names_.size() && (names_[position] != name || !files_[position])) ++position;
  return position;
}

borrowed_fd inherited::find(std::string_view name) const& noexcept { return files_[position_of(name)]; }

result<owned_fd, inherit_error> inherited::take(std::string_view name) noexcept {
  if (owned_fd found = files_.take(position_of(name))) return found;
  inherit_error missing{std::make_error_code(std::errc::no_such_file_or_directory),
                        elsewhere_ ? inherit_fault::elsewhere : inherit_fault::missing, size()};
  name.copy(missing.asked.data(), missing.asked.size() - 1);
  return std::unexpected{missing};
}

result<owned_fd, inherit_error> inherited::take(std::string_view name, const expectation& expected) noexcept {
  const std::size_t position = position_of(name);
  if (const borrowed_fd found = files_[position]) {
    if (const auto admitted = admit(found, expected); !admitted) {
      inherit_error wrong{admitted.error().code, inherit_fault::not_agreed, position};
      name.copy(wrong.asked.data(), wrong.asked.size() - 1);
      wrong.refused = admitted.error();
      return std::unexpected{wrong};
    }
  }
  return take(name);
}

std::string inherit_error::message() const {
  const auto descriptor = [&] { return "inherited descriptor " + std::to_string(detail::first_passed + position); };
  switch (fault) {
    using enum inherit_fault;
    case process_id:
      return "LISTEN_PID is no process number";
    case count:
      return "LISTEN_FDS is no number from 1 to " + std::to_string(limits::inherited_descriptors);
    case names:
      return "LISTEN_FDNAMES does not have as many names as LISTEN_FDS counts";
    case name:
      return "LISTEN_FDNAMES: the name of " + descriptor() + " is none";
    case not_open:
      return descriptor() + ": " + code.message();
    case not_ours:
      return descriptor() + " is close-on-exec: it was opened or taken in this process";
    case missing:
      return "no descriptor named \"" + escaped(asked.data()) + "\" is left of the " + std::to_string(position) +
             " inherited";
    case not_agreed:
      return descriptor() + ", \"" + escaped(asked.data()) + "\", " +
             (refused ? std::string{refused->detail().view()} : code.message());
    case elsewhere:
      return "no descriptor named \"" + escaped(asked.data()) +
             "\": those that were passed are for another process (LISTEN_PID)";
    case memory:
      break;
  }
  return code.message();
}

result<void> forbid_dumping() noexcept {
  if (sys::prctl(PR_SET_DUMPABLE, 0) != 0) return detail::os_failure();
  return {};
}

}  // namespace scm::inline v0_1
