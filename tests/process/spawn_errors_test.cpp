// Which step failed, and why; and that nothing is left of it.
#include "process/shown.hpp"
#include "support/descriptor_table.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <sys/wait.h>

using namespace scm;
using test::some_file;

namespace {

void check_error(const spawn_options& options, spawn_step step, int number, std::size_t position = 0) {
  const auto before = test::descriptor_table::now();
  const auto started = spawn(options);
  REQUIRE_FALSE(started);
  CHECK(started.error().step == step);
  CHECK(started.error().code == std::error_code(number, std::system_category()));
  CHECK(started.error().position == position);
  CHECK_FALSE(test::has_children());
  CHECK(test::difference(before, test::descriptor_table::now()).empty());
}

void check_invalid(const spawn_options& options, std::size_t position = 0) {
  const auto started = spawn(options);
  REQUIRE_FALSE(started);
  CHECK(started.error().step == spawn_step::prepare);
  CHECK(started.error().code == std::errc::invalid_argument);
  CHECK(started.error().position == position);
}

}  // namespace

TEST_CASE("a program that cannot be executed is told by the step and the errno", "[spawn]") {
  const test::temporary_folder where;
  const owned_fd text{::open((where / "text").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0700)};
  REQUIRE(::write(text.native_handle(), "no program", 10) == 10);
  check_error({.program = "/nowhere/at all"}, spawn_step::execute, ENOENT);
  check_error({.program = std::string{where.path()}}, spawn_step::execute, EACCES);
  check_error({.program = where / "text"}, spawn_step::execute, ETXTBSY);  // it is open for writing
  check_error({.program = "/bin/true/"}, spawn_step::execute, ENOTDIR);
  check_error({.program = SHOW_PROGRAM, .arguments = {std::string(1 << 18, 'x')}}, spawn_step::execute, E2BIG);
}

TEST_CASE("each step before that says what it was about", "[spawn]") {
  const owned_fd file = some_file();
  const borrowed_fd closed{987};
  const spawn_options base{.program = SHOW_PROGRAM};
  auto with = [&](auto change) {
    spawn_options options = base;
    change(options);
    return options;
  };
  check_error(with([&](auto& o) { o.directory = "/nowhere"; }), spawn_step::directory, ENOENT);
  check_error(with([&](auto& o) { o.directory_fd = file; }), spawn_step::directory, ENOTDIR);
  check_error(with([&](auto& o) { o.directory_fd = closed; }), spawn_step::directory, EBADF);
  check_error(with([&](auto& o) { o.error = closed; }), spawn_step::streams, EBADF, 2);
  check_error(with([&](auto& o) { o.input = borrowed_fd{-1}; }), spawn_step::streams, EBADF, 0);
  check_error(with([&](auto& o) { o.descriptors = {{"good", file}, {"bad", closed}}; }), spawn_step::descriptors, EBADF,
              1);
  check_error(with([&](auto& o) { o.descriptors = {{"none", borrowed_fd{-1}}}; }), spawn_step::descriptors, EBADF, 0);
  check_error(with([&](auto& o) { o.limits = {{RLIMIT_CORE, 0, 0}, {RLIMIT_NOFILE, 10, 5}}; }), spawn_step::limits,
              EINVAL, 1);
  check_error(with([&](auto& o) { o.parent_death_signal = 1000; }), spawn_step::parent_death_signal, EINVAL);
}

TEST_CASE("who may not change user is told so", "[spawn]") {
  test::child nobody{[] {
    if (!test::become_nobody()) return false;
    spawn_options options{.program = "/bin/true", .as = run_as{.user = 0, .group = 0}};
    const auto started = spawn(options);
    return !started && started.error().step == spawn_step::groups &&
           started.error().code == std::errc::operation_not_permitted;
  }};
  CHECK(nobody.succeeded());
}

TEST_CASE("a limit of open files that has no room for the descriptors is EMFILE", "[spawn]") {
  test::child apart{[] {
    ::close_range(3, ~0U, 0);
    const owned_fd file = some_file();  // 3, and must be moved out of the way
    const std::vector<named_fd> named{{"a", file}, {"b", file}, {"c", file}};
    const test::descriptor_limit few{8};
    const auto started = spawn({.program = "/bin/true", .descriptors = named});
    const auto is = [&](spawn_step step, std::size_t position) {
      return !started && started.error().code == std::error_code{EMFILE, std::system_category()} &&
             started.error().step == step && started.error().position == position;
    };
    return is(spawn_step::descriptors, 2);
  }};
  CHECK(apart.succeeded());
  test::child no_number{[] {
    ::close_range(3, ~0U, 0);
    const owned_fd file = some_file();
    const std::vector<named_fd> named(10, {"x", file});
    const test::descriptor_limit few{8};  // below the targets themselves
    const auto started = spawn({.program = "/bin/true", .descriptors = named});
    return !started && started.error().code == std::error_code{EMFILE, std::system_category()};
  }};
  CHECK(no_number.succeeded());
}

TEST_CASE("options that the kernel would misread are refused before anything is started", "[spawn]") {
  const owned_fd file = some_file();
  const std::string nul{"a\0b", 3};
  check_invalid({});
  check_invalid({.program = nul});
  check_invalid({.program = "/bin/true", .arguments = {nul}});
  check_invalid({.program = "/bin/true", .argument_zero = nul});
  check_invalid({.program = "/bin/true", .directory = nul});
  for (const std::string& variable : {nul, std::string{"no value"}, std::string{"=x"}}) {
    check_invalid({.program = "/bin/true", .environment = std::vector{variable}});
  }
  for (const std::string& name : {std::string{}, std::string{"a:b"}, std::string{"a\nb"}, std::string{"\x7f"},
                                  std::string{"\xc3\xa4"}, std::string(256, 'x')}) {
    check_invalid({.program = "/bin/true", .descriptors = {{"good", file}, {name, file}}}, 1);
  }
  check_invalid({.program = "/bin/true", .as = run_as{}});
  check_invalid({.program = "/bin/true", .as = run_as{.user = 1}});
  check_invalid({.program = "/bin/true", .as = run_as{.user = 1, .group = 1, .groups = {static_cast<gid_t>(-1)}}});
  const std::vector<named_fd> many(limits::inherited_descriptors + 1, {"x", file});
  const auto started = spawn({.program = "/bin/true", .descriptors = many});
  REQUIRE_FALSE(started);
  CHECK(started.error().code == errc::over_limit);
}

TEST_CASE("each step has a text of its own", "[spawn]") {
  std::map<std::string, int> texts;
  for (int i = 0; i <= static_cast<int>(spawn_step::execute); ++i) {
    ++texts[std::string{text_of(static_cast<spawn_step>(i))}];
  }
  CHECK(texts.size() == static_cast<std::size_t>(spawn_step::execute) + 1);
  CHECK(text_of(static_cast<spawn_step>(99)) == "starting a program");
}
