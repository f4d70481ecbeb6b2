/// A vhost-user block device: serves a raw image to one front end after another, such as QEMU, and can reach nothing
/// else.
#include "session.hpp"

#include <scm/channel.hpp>
#include <scm/process.hpp>
#include <scm/process/system_calls.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>

namespace {

using namespace vhost_user;

constexpr char usage[] =
    "usage: vhost-user-blk --socket-path=PATH --blk-file=IMAGE [--read-only]\n"
    "A process that starts it can hand the two over instead: an open image named \"disk\" and a listening stream\n"
    "socket named \"listener\" (sd_listen_fds(3)). SIGHUP makes it look at the size of the image again.\n";

scm::event stop, resized;  // raised by signals

struct options {
  std::string socket_path, image_path;
  bool read_only = false;
};

std::optional<options> parse(int argc, char** argv) {
  static constexpr option known[] = {{"socket-path", required_argument, nullptr, 's'},
                                     {"blk-file", required_argument, nullptr, 'b'},
                                     {"read-only", no_argument, nullptr, 'r'},
                                     {}};
  options told;
  for (int one = 0; (one = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    switch (one) {
      case 's':
        told.socket_path = optarg;
        break;
      case 'b':
        told.image_path = optarg;
        break;
      case 'r':
        told.read_only = true;
        break;
      default:
        return {};
    }
  }
  return optind == argc ? std::optional{std::move(told)} : std::nullopt;
}

answer<disk> open_disk(scm::inherited& given, const options& told) {
  if (told.image_path.empty()) {
    auto image = given.take("disk");
    if (!image) return std::unexpected{image.error().message()};
    return disk::open(std::move(*image), told.read_only);
  }
  scm::owned_fd image{open(told.image_path.c_str(), (told.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC)};
  if (!image) return std::unexpected{told.image_path + ": " + std::generic_category().message(errno)};
  return disk::open(std::move(image), told.read_only);
}

answer<scm::listener<scm::stream>> listen(scm::inherited& given, const options& told) {
  using listener = scm::listener<scm::stream>;
  auto made = [&]() -> scm::result<listener> {
    if (told.socket_path.empty()) {
      auto socket = given.take("listener");
      if (!socket) return std::unexpected{socket.error().code};
      return listener::adopt(std::move(*socket));
    }
    const auto at = scm::address::path(told.socket_path);
    if (!at) return std::unexpected{at.error()};
    return listener::bind(*at, {.file = {.replace_stale = true}, .backlog = 1});
  }();
  if (!made) return std::unexpected{"the socket: " + made.error().message()};
  return std::move(*made);
}

// The image and the socket are open, and guest memory comes through the socket: nothing else is needed any more, but to
// take the socket's file away at the end.
answer<> confine(const options& told) {
  scm::confinement left{.keep_groups = geteuid() != 0};
  const auto folder = std::filesystem::path{told.socket_path}.parent_path();
  const scm::owned_fd beneath{open(folder.empty() ? "." : folder.c_str(), O_PATH | O_CLOEXEC)};
  if (!told.socket_path.empty() && beneath) left.access->files.push_back({beneath, scm::file_right::remove_file});
  const auto denied = scm::confine(left);
  if (!denied)
    return std::unexpected{fmt::format("{}: {}", scm::text_of(denied.error().step), denied.error().code.message())};
  if (denied->version == 0) fmt::print(stderr, "vhost-user-blk: this kernel has no Landlock: files are not denied\n");
  using enum scm::call_group;
  const auto filtered = scm::allow_only({.groups = {ending, memory, receiving, sending, admitting, accepting, files},
                                         .calls = {"poll", "unlink", "getpid"}});
  if (!filtered) return std::unexpected{"system calls: " + filtered.error().code.message()};
  return {};
}

answer<> serve(scm::inherited given, const options& told) {
  auto image = open_disk(given, told);
  if (!image) return std::unexpected{image.error()};
  auto listener = listen(given, told);
  if (!listener) return std::unexpected{listener.error()};
  if (const auto confined = confine(told); !confined) return confined;
  for (;;) {
    pollfd what[] = {{stop.fd().native_handle(), POLLIN, 0}, {listener->fd().native_handle(), POLLIN, 0}};
    if (poll(what, std::size(what), -1) < 0) continue;  // interrupted, and then `stop` is raised
    if (what[0].revents != 0) return {};
    auto channel = listener->accept(scm::dont_wait);
    if (!channel) continue;  // it has left already
    session with{std::move(*channel), *image, stderr};
    with.measure();
    if (const auto served = with.run(stop, resized); !served) fmt::print(stderr, "front end: {}\n", served.error());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto told = parse(argc, argv);
  if (!told) {
    fmt::print(stderr, "{}", usage);
    return 2;
  }
  auto given = scm::inherited::from_environment();
  auto made = scm::event::make();
  if (!given || !made) {
    fmt::print(stderr, "vhost-user-blk: {}\n", given ? made.error().message() : given.error().message());
    return 1;
  }
  stop = std::move(*made);
  struct sigaction action{};
  action.sa_handler = [](int) { (void)stop.signal(); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  if (const auto served = serve(std::move(*given), *told); !served) {
    fmt::print(stderr, "vhost-user-blk: {}\n", served.error());
    return 1;
  }
  return 0;
}
