// A worker of examples/privsep that an attacker has taken over: does to its monitor what its file is named after, and
// tells its first client what came of it.
#include <scm/channel.hpp>
#include <scm/process.hpp>

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;

// "y" and "n" with the number of descriptors, or the error.
std::string answer_to(scm::seqpacket& files, std::string_view name) {
  if (const auto sent = files.send(name); !sent) return sent.error().code.message();
  std::array<char, 8> room;
  const auto answer = files.receive(room, 8, {.until = scm::in(60s)});
  if (!answer) return answer.error().code.message();
  return std::string{room.data(), answer->size} + std::to_string(answer->descriptors.size());
}

std::string attack(std::string_view what, scm::seqpacket& files, scm::seqpacket& clients) {
  if (what == "names") {
    using namespace std::string_view_literals;
    std::string all;
    for (const auto name : {"../motd"sv, "/etc/shadow"sv, "motd\0"sv, "motd "sv, "MOTD"sv, "journal.log"sv, "."sv,
                            "\0"sv, "%s%s%s%n"sv, "motd\n"sv, "prices.csv"sv, "motd"sv}) {
      all += answer_to(files, name) + ' ';
    }
    return all;
  }
  if (what == "descriptors") {
    const scm::owned_fd null{open("/dev/null", O_RDWR | O_CLOEXEC)};
    const std::vector<scm::borrowed_fd> many(253, null.get());
    std::string all;
    for (auto* const channel : {&files, &clients}) {
      const auto sent = channel->send("motd", many);
      all += sent ? "sent " : sent.error() == std::errc::operation_not_permitted ? "forbidden " : "failed ";
    }
    return all;
  }
  if (what == "flood") {
    while (files.send("motd")) {
    }
  } else if (what == "long") {
    (void)files.send(std::string(60000, 'm'));
  } else if (what == "empty") {
    (void)::send(files.fd().native_handle(), "", 0, MSG_NOSIGNAL);
  } else if (what == "slot") {
    const std::uint32_t slot = 63;
    (void)clients.send(scm::const_buffer{&slot, sizeof slot});
  } else if (what == "far-slot") {
    const std::uint32_t slot = ~0U;
    (void)clients.send(scm::const_buffer{&slot, sizeof slot});
  } else if (what == "half-slot") {
    std::uint32_t slot = 0;  // of a client that there is: 0
    const auto client = clients.receive(scm::mutable_buffer{&slot, sizeof slot}, 1);
    (void)clients.send(scm::const_buffer{&slot, 2});
  } else if (what == "hang-up") {
    (void)shutdown(files.fd().native_handle(), SHUT_RDWR);
  } else if (what == "die") {
    _exit(1);
  }
  pause();  // until the monitor ends it
  return "survived";
}

}  // namespace

int main() {
  auto given = scm::inherited::from_environment();
  if (!given) return 1;
  auto files = scm::seqpacket::adopt(given->take("files").value());
  auto clients = scm::seqpacket::adopt(given->take("clients").value());
  if (!files || !clients) return 1;
  const std::string_view path = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  const auto told = attack(path.substr(path.rfind('/') + 1), *files, *clients);
  std::uint32_t slot = 0;
  auto client = clients->receive(scm::mutable_buffer{&slot, sizeof slot}, 1);
  if (!client) return 1;
  auto channel = scm::seqpacket::adopt(client->descriptors.take(0));
  if (!channel || !channel->send(told)) return 1;
  pause();
}
