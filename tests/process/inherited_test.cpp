// Taking over what a program was started with, from honest environments and others.
#include "process/shown.hpp"
#include "support/process.hpp"

#include <cstdlib>
#include <functional>
#include <optional>

using namespace scm;
using test::some_file;

namespace {

// In a process of its own, with `open` descriptors from 3 on and these variables ("self" is the right LISTEN_PID).
bool with_environment(int open, std::optional<std::string> process, std::optional<std::string> count,
                      std::optional<std::string> names, const std::function<bool()>& check) {
  test::child apart{[&] {
    ::close_range(3, ~0U, 0);
    for (int i = 0; i != open; ++i) {
      if (::memfd_create("passed", 0) != 3 + i) return false;
    }
    const auto set = [](const char* name, const std::optional<std::string>& value) {
      value ? ::setenv(name, value->c_str(), 1) : ::unsetenv(name);
    };
    if (process == "self") process = std::to_string(::getpid());
    set("LISTEN_PID", process);
    set("LISTEN_FDS", count);
    set("LISTEN_FDNAMES", names);
    const bool good = check();
    if (std::getenv("LISTEN_PID") || std::getenv("LISTEN_FDS") || std::getenv("LISTEN_FDNAMES")) return false;
    return good;
  }};
  return apart.succeeded();
}

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }
bool none_open(int count) {
  for (int i = 0; i != count; ++i) {
    if (is_open(3 + i)) return false;
  }
  return true;
}

bool fails(inherit_fault fault, std::size_t position = 0) {
  const auto all = inherited::from_environment();
  return !all && all.error().fault == fault && all.error().position == position && all.error().code &&
         !all.error().message().empty();
}

}  // namespace

TEST_CASE("descriptors are taken by name, close-on-exec, and those that are left are closed", "[inherited]") {
  CHECK(with_environment(3, "self", "3", "disk:channel:disk", [] {
    const std::string second = test::identity_of(borrowed_fd{4}), third = test::identity_of(borrowed_fd{5});
    {
      auto all = inherited::from_environment().value();
      if (all.size() != 3 || all.name(1) != "channel" || !all.name(3).empty()) return false;
      for (int number = 3; number != 6; ++number) {
        if (::fcntl(number, F_GETFD) != FD_CLOEXEC) return false;
      }
      if (all.find("channel").native_handle() != 4 || all.find("none")) return false;
      const auto channel = all.take("channel");
      if (!channel || test::identity_of(*channel) != second) return false;
      const auto disk = all.take("disk"), next = all.take("disk");
      if (!disk || !next || test::identity_of(*next) != third) return false;
      if (all.take("disk")) return false;
    }
    return none_open(3);
  }));
  CHECK(with_environment(2, "self", "2", "a:b", [] {
    {
      auto all = inherited::from_environment().value();
    }
    return none_open(2);
  }));
}

TEST_CASE("descriptors without names are unknown, as service managers have it", "[inherited]") {
  CHECK(with_environment(2, "self", "2", {}, [] {
    auto all = inherited::from_environment().value();
    return all.name(0) == "unknown" && all.name(1) == "unknown" && all.take(std::size_t{1}) && all.take("unknown");
  }));
  CHECK(with_environment(2, "self", "2", ":x", [] {
    auto all = inherited::from_environment().value();
    return all.name(0).empty() && all.take("").value().native_handle() == 3;
  }));
}

TEST_CASE("without the variables nothing was inherited", "[inherited]") {
  CHECK(
      with_environment(1, {}, {}, {}, [] { return inherited::from_environment().value().size() == 0 && is_open(3); }));
  CHECK(with_environment(1, {}, "1", "x",
                         [] { return inherited::from_environment().value().size() == 0 && is_open(3); }));
}

TEST_CASE("what is for another process is left alone, and the error says so", "[inherited]") {
  CHECK(with_environment(1, "1", "1", "disk", [] {
    auto all = inherited::from_environment().value();
    const auto taken = all.take("disk");
    return all.size() == 0 && is_open(3) && !taken && taken.error().fault == inherit_fault::elsewhere &&
           taken.error().message().find("another process") != std::string::npos;
  }));
}

TEST_CASE("a descriptor that is not what was expected is not taken, and the error says how", "[inherited]") {
  CHECK(with_environment(2, "self", "2", "channel:disk", [] {
    auto all = inherited::from_environment().value();
    const auto refused = all.take("disk", {.kinds = descriptor_kind::regular_file});
    if (refused || refused.error().code != errc::not_admitted || refused.error().position != 1) return false;
    if (refused.error().fault != inherit_fault::not_agreed) return false;
    if (refused.error().message() != "inherited descriptor 4, \"disk\", is memfd, not regular_file") return false;
    if (all.take("none", {}).error().fault != inherit_fault::missing) return false;
    const auto disk = all.take("disk", {.kinds = descriptor_kind::memfd, .access = access_mode::read_write});
    return disk && disk->native_handle() == 4 && !all.take("disk", {});
  }));
}

TEST_CASE("the error names what is missing", "[inherited]") {
  CHECK(with_environment(1, "self", "1", "disk", [] {
    auto all = inherited::from_environment().value();
    const auto taken = all.take("chan\nnel");
    return !taken && taken.error() == std::errc::no_such_file_or_directory &&
           taken.error().message() == "no descriptor named \"chan\\x0anel\" is left of the 1 inherited";
  }));
  inherited none;
  CHECK(none.take(std::string(1000, 'x')).error().message().find(std::string(255, 'x') + '"') != std::string::npos);
}

TEST_CASE("a hostile environment is an error, and what was handed over is closed", "[inherited]") {
  for (const char* process : {"", "x", "-1", "0", "1x", " 1", "99999999999999999999"}) {
    CHECK(with_environment(1, process, "1", "x", [] { return fails(inherit_fault::process_id); }));
  }
  for (const char* count :
       {"", "0", "-1", "x", "1x", " 1", "501", "2147483647", "2147483648", "99999999999999999999"}) {
    CHECK(with_environment(1, "self", count, "x", [] { return fails(inherit_fault::count); }));
  }
  CHECK(with_environment(1, "self", {}, "x", [] { return fails(inherit_fault::count); }));
  for (const char* names : {"", "a", "a:b:c", ":::"}) {
    CHECK(with_environment(2, "self", "2", names, [] { return fails(inherit_fault::names) && none_open(2); }));
  }
  CHECK(with_environment(2, "self", "2", "a:b\n", [] { return fails(inherit_fault::name, 1) && none_open(2); }));
  CHECK(with_environment(2, "self", "2", "a:" + std::string(256, 'x'),
                         [] { return fails(inherit_fault::name, 1) && none_open(2); }));
  CHECK(with_environment(2, "self", "3", "a:b:c", [] { return fails(inherit_fault::not_open, 2) && none_open(2); }));
  CHECK(with_environment(0, "self", "1", "a", [] { return fails(inherit_fault::not_open, 0); }));
}

TEST_CASE("a descriptor that cannot have come through exec is not taken from its owner", "[inherited]") {
  CHECK(with_environment(3, "self", "3", "a:b:c", [] {
    ::fcntl(4, F_SETFD, FD_CLOEXEC);
    return fails(inherit_fault::not_ours, 1) && !is_open(3) && is_open(4) && !is_open(5);
  }));
}

TEST_CASE("what spawn passes is what the program takes", "[inherited]") {
  const owned_fd disk = some_file(), channel = some_file(), output = some_file();
  spawn_options options{.program = TAKE_OVER_PROGRAM,
                        .arguments = {"channel", "disk"},
                        .output = output,
                        .descriptors = {{"disk", disk}, {"channel", channel}}};
  CHECK(spawn(options).value().wait()->succeeded());
  CHECK(test::read_all(disk) == "disk");
  CHECK(test::read_all(channel) == "channel");
  options.arguments = {"network"};
  CHECK(spawn(options).value().wait() == exit_status{.code = 1});
  CHECK(test::read_all(output) == "no descriptor named \"network\" is left of the 2 inherited\n");
}

TEST_CASE("a process that forbids it is not looked into", "[inherited]") {
  test::child apart{[] { return forbid_dumping() && ::prctl(PR_GET_DUMPABLE) == 0; }};
  CHECK(apart.succeeded());
}
