#include "cli/serve.hpp"

#include "cli/confined_service.hpp"
#include "cli/failure.hpp"
#include "cli/place.hpp"
#include "cli/standard_streams.hpp"

#include <scm/process/notify.hpp>
#include <scm/service/broker.hpp>
#include <scm/service/control_server.hpp>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace scm::cli {
namespace {

constexpr auto serve_footer = R"(
{}

A descriptor broker: keeps descriptors of programs that end and start again. What it understands, a line at a time, by
scm ctl ADDRESS or any other way:

  store NAME [expiring] [to uid=U|gid=G|all...]  keeps the descriptors that come with it; expiring: until its sender ends
  fetch NAME [of uid=U]                          sends them
  drop NAME [of uid=U]                           closes them
  list [after NAME [of uid=U]]                   says what one may fetch
  ping, version, stat, stats, prompt, quit       of every control server

Names are each user's own. An entry can be fetched by its owner, by root, and by whom it was stored "to". Who speaks is
the kernel's word for every line: root, and whom --uid and --gid admit, by default the broker's own user. With --uid or
--gid the socket's file is open to everybody to connect, without it to its owner.

With --take-over the broker at ADDRESS hands everything over, its socket and its clients that wait to be accepted, too,
and ends; if this process dies on the way, it serves on. Its user must be ours, or root, or --server-uid.

Under socket activation ADDRESS is fd:3. READY=1 is sent to NOTIFY_SOCKET. Before it serves it gives up what it does not
need: files, capabilities, groups, and system calls where scm was built with libseccomp.

Exit status: 0 after SIGTERM, SIGINT or SIGHUP, or when all was handed over; 1 when it could not serve; 2 for wrong usage.

  scm serve /run/broker --uid 33 &
  scm serve --take-over /run/broker --uid 33      a new version in its place
)";

/// What a server's connections, its loop and this program need, beside what is stored.
constexpr std::size_t other_descriptors = 1024;
constexpr std::size_t stored_by_default = 4096;

struct serve_options {
  std::string address;
  std::vector<uid_t> uids;
  std::vector<gid_t> gids;
  std::optional<std::size_t> most;
  std::optional<std::size_t> most_of_user;
  bool replace = false;
  bool take_over = false;
  std::optional<uid_t> server;
};

/// How many descriptors may be stored: RLIMIT_NOFILE is raised as far as it can be.
outcome<std::size_t> room_for(std::optional<std::size_t> wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t room = std::max<rlim_t>(limit.rlim_cur, other_descriptors) - other_descriptors;
  const std::size_t most = wanted.value_or(std::min(stored_by_default, room));
  if (most > room || most == 0) {
    return failed(
        fmt::format("{} descriptors cannot be stored: the hard limit (ulimit -Hn) is {}, of which {} are for "
                    "connections; try --store-limit {}",
                    most, limit.rlim_cur, other_descriptors, room));
  }
  return most;
}

/// SIGTERM, SIGINT and SIGHUP as a descriptor: they end the service, not the program in the middle of something.
outcome<owned_fd> endings() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  owned_fd made{::signalfd(-1, &set, SFD_CLOEXEC)};
  if (!made) return failed(step::other, "wait for signals", os_code(errno));
  return made;
}

outcome<listener<stream>> listen(const serve_options& chosen) {
  const place at = place_of(chosen.address);
  if (const auto* const inherited = std::get_if<borrowed_fd>(&at.where)) {
    if (!was_inherited(inherited->native_handle())) {
      return failed(fmt::format("scm was not started with a descriptor {}", inherited->native_handle()));
    }
    auto copy = duplicate(*inherited);
    if (!copy) return failed(step::adopt, "use " + at.spelled, copy.error());
    auto taken = listener<stream>::adopt(std::move(*copy));
    if (!taken) return failed(step::adopt, "serve at " + at.spelled, taken.error());
    ::close(inherited->native_handle());
    return std::move(*taken);
  }
  auto options = control_server::listening_options();
  options.file.replace_stale = chosen.replace;
  // Everybody can connect; who is answered is decided by what the kernel says of each line.
  const bool open = !chosen.uids.empty() || !chosen.gids.empty();
  options.file.mode = open ? 0666 : 0600;
  const mode_t before = ::umask(open ? 0 : 077);
  auto made = listener<stream>::bind(std::get<address>(at.where), options);
  ::umask(before);
  if (!made) return failed(chosen.replace ? step::listen : step::replace, "serve at " + at.spelled, made.error());
  return std::move(*made);
}

outcome<taken_over> succeed(const serve_options& chosen, const broker_options& options) {
  const place at = place_of(chosen.address);
  const auto* const where = std::get_if<address>(&at.where);
  if (where == nullptr) return failed("--take-over needs an ADDRESS to connect to, not fd:N");
  auto taken = descriptor_broker::take_over(*where, options, chosen.server);
  if (taken) return std::move(*taken);
  const auto doing = "take over the broker at " + at.spelled;
  if (!taken.error().said.empty()) return failed("cannot " + doing + ": it answers " + shown(taken.error().said));
  if (taken.error() == std::errc::operation_not_permitted) {
    return failed("cannot " + doing + ": another user answers there; --server-uid says whom to believe");
  }
  return failed(step::connect, doing, taken.error());
}

outcome<> serve(const serve_options& chosen) {
  auto manager = notifier::from_environment();
  if (!manager) return failed(step::other, "use NOTIFY_SOCKET", manager.error());
  const auto most = room_for(chosen.most);
  if (!most) return std::unexpected{most.error()};
  const bool many = chosen.uids.size() > 1 || !chosen.gids.empty();
  const std::size_t of_user = chosen.most_of_user.value_or(many ? (*most + 1) / 2 : *most);
  const broker_options options{.limits = {*most, of_user, *most, of_user}, .when_kept = [](std::error_code why) {
                                 complain("nothing was handed over, and this goes on: " + why.message());
                               }};

  std::optional<taken_over> predecessor;
  if (chosen.take_over) {
    auto taken = succeed(chosen, options);
    if (!taken) return std::unexpected{taken.error()};
    predecessor = std::move(*taken);
  }
  auto signals = endings();
  if (!signals) return std::unexpected{signals.error()};
  auto broker = descriptor_broker::make(options);
  if (!broker) return failed(step::other, "make a broker", broker.error());
  std::optional<listener<stream>> at;
  if (predecessor) {
    broker = std::move(predecessor->broker);
    at = std::move(predecessor->at);
  } else {
    auto made = listen(chosen);
    if (!made) return std::unexpected{made.error()};
    at = std::move(*made);
  }

  control_options control;
  control.access = {chosen.uids, chosen.gids};
  if (chosen.uids.empty() && chosen.gids.empty()) control.access.uids = {::getuid()};
  control.limits.descriptors_per_line = limits::descriptors_per_message;
  control.limits.descriptors_per_uid = 4 * limits::descriptors_per_message;
  control.version_major = SCM_VERSION_MAJOR;
  control.version_minor = SCM_VERSION_MINOR;
  const std::string removable{at->file().handle() ? at->file().at().name() : std::string_view{}};
  control.before_serving = [&manager, removable]() -> result<void> {
    if (auto confined = confine_service(removable); !confined) return confined;
    return manager->ready(in(std::chrono::seconds{1}));
  };
  auto server = control_server::make(std::move(*at), control);
  if (!server) return failed(step::other, "serve", server.error());
  const auto stop = server->when_readable(*signals, [&server] { server->stop(); });
  if (!stop) return failed(step::other, "wait for signals", stop.error());
  if (const auto added = broker->attach(*server); !added) return failed(step::other, "serve", added.error());
  if (const auto served = server->run(); !served) return failed(step::other, "serve", served.error());
  return {};
}

}  // namespace

void add_serve(CLI::App& program, std::function<int()>& action) {
  const auto chosen = std::make_shared<serve_options>();
  auto* const command = program.add_subcommand("serve", "Keep descriptors for programs that end and start again");
  command->footer(fmt::format(serve_footer, address_help));
  add_address(*command, chosen->address);
  command->add_option("--uid", chosen->uids, "Admit this user, too; again for another")
      ->type_name("UID")
      ->allow_extra_args(false);
  command->add_option("--gid", chosen->gids, "Admit processes of this group; with --uid both must match")
      ->type_name("GID")
      ->allow_extra_args(false);
  command->add_option("--store-limit", chosen->most, "Most descriptors that are kept; 4096 unless ulimit -Hn is less")
      ->type_name("N");
  command->add_option("--user-limit", chosen->most_of_user, "Most of one user; half of all where there are several")
      ->type_name("N");
  command->add_flag("--replace", chosen->replace, "Replace a socket file that nobody listens at any more");
  auto* const take_over =
      command->add_flag("--take-over", chosen->take_over, "Become the successor of the broker there");
  command->add_option("--server-uid", chosen->server, "Whose broker may be taken over, besides our own and root's")
      ->type_name("UID")
      ->needs(take_over);
  command->callback([chosen, &action] {
    if (chosen->take_over && chosen->replace)
      throw CLI::ValidationError("--take-over and --replace exclude each other");
    action = [chosen] {
      const auto served = serve(*chosen);
      return served ? exit_success : complain(served.error().text);
    };
  });
}

}  // namespace scm::cli
