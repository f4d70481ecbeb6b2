/// A client of examples/privsep: asks for a file by its name there, and prints it.
#include <scm/channel.hpp>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace {

/// The daemon says "ready" when a worker takes this client over, and again when another one had to: what has no answer
/// yet is then asked for once more.
scm::result<scm::owned_fd> ask(scm::seqpacket& daemon, std::string_view name, scm::deadline until) {
  const scm::expectation readable{.kinds = scm::descriptor_kind::regular_file, .access = scm::access_mode::read};
  for (;;) {
    std::array<char, 64> room;
    auto message = daemon.receive(room, scm::admission{readable, 0, 1}, {.until = until});
    if (!message) return std::unexpected{message.error().code};
    const std::string_view text{room.data(), message->size};
    if (text == "1 no") return std::unexpected{std::make_error_code(std::errc::permission_denied)};
    if (text == "1 ok") return message->descriptors.take(0);
    if (text != "ready") return std::unexpected{std::make_error_code(std::errc::protocol_error)};
    const auto asked = daemon.send({"get 1 ", name}, {}, {.until = until});
    if (!asked) return std::unexpected{asked.error().code};
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: example_ask_privsep SOCKET NAME\n", stderr), 2;
  const scm::deadline until = scm::in(std::chrono::seconds{10});
  const auto at = scm::address::parse(argv[1]);
  if (!at) return 2;
  auto daemon = scm::seqpacket::connect(*at, until);
  if (!daemon) return std::fprintf(stderr, "%s: %s\n", argv[1], daemon.error().message().c_str()), 1;
  const auto file = ask(*daemon, argv[2], until);
  if (!file) return std::fprintf(stderr, "%s: %s\n", argv[2], file.error().message().c_str()), 1;
  std::array<char, 4096> text;
  for (ssize_t size = 0; (size = read(file->native_handle(), text.data(), text.size())) > 0;) {
    std::fwrite(text.data(), 1, static_cast<std::size_t>(size), stdout);
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}
