/// The worker: reads what strangers send, and can open nothing.
#include "policy.hpp"
#include "request.hpp"
#include "roles.hpp"
#include "wire.hpp"

#include <scm/process/system_calls.hpp>

#include <poll.h>

#include <array>
#include <cstdio>

namespace privsep {
namespace {

/// Of the monitor: the end of this worker. What a client does wrong is the end of that client alone.
using failure = std::unexpected<std::error_code>;

/// What is given up before the first byte of a stranger is read. What cannot be given up is an error.
scm::result<void> give_up() noexcept {
  // Groups are gone already, if the monitor was root; if it was not they cannot be dropped.
  const auto denied = scm::confine({.keep_groups = true});
  if (!denied) return failure{denied.error().code};
  using enum scm::call_group;
  const auto left =
      scm::allow_only({.groups = {ending, memory, receiving, sending, admitting, accepting, files}, .calls = {"poll"}});
  return left ? scm::result<void>{} : failure{left.error().code};
}

class server {
 public:
  server(scm::seqpacket&& files, scm::seqpacket&& arrivals) noexcept
      : files_{std::move(files)}, arrivals_{std::move(arrivals)} {}

  scm::result<void> run() noexcept {
    auto journal = ask_for(*find("journal"));
    if (!journal) return failure{journal.error()};
    journal_ = std::move(*journal);
    for (;;) {
      std::array<pollfd, bounds::clients + 1> wait;
      wait.fill({-1, POLLIN, 0});  // poll(2) passes over what is negative
      wait.back().fd = arrivals_.fd().native_handle();
      for (slot where = 0; where != clients_.size(); ++where) {
        if (clients_[where]) wait[where].fd = clients_[where]->fd().native_handle();
      }
      if (poll(wait.data(), wait.size(), -1) < 0) return failure{std::error_code{errno, std::system_category()}};
      // One request of each, so that nobody waits for one who asks without end.
      for (slot where = 0; where != clients_.size(); ++where) {
        if (wait[where].revents == 0) continue;
        if (const auto served = serve(where); !served) return served;
      }
      if (wait.back().revents == 0) continue;
      if (const auto taken = take_client(); !taken) return taken;
    }
  }

 private:
  /// Opened anew for each client, since those who share an open file share its offset. Empty when it is refused.
  scm::result<scm::owned_fd> ask_for(const entry& wanted) noexcept {
    const auto agreed = expected(wanted);
    if (const auto sent = files_.send(wanted.name); !sent) return failure{sent.error().code};
    char word = 0;
    auto answer =
        files_.receive(scm::mutable_buffer{&word, 1}, scm::admission{agreed, 0, 1}, {.until = scm::in(bounds::answer)});
    if (!answer) return failure{answer.error().code};
    return answer->descriptors.take(0);
  }

  scm::result<void> take_client() noexcept {
    slot where = 0;
    auto arrived = arrivals_.receive(scm::mutable_buffer{&where, sizeof where}, scm::admission{connected, 1, 1});
    if (!arrived) return failure{arrived.error().code};
    if (where >= clients_.size() || clients_[where]) return failure{scm::errc::malformed};
    auto client = scm::seqpacket::adopt(arrived->descriptors.take(0));
    if (!client) return failure{client.error()};
    clients_[where] = std::move(*client);
    if (!clients_[where]->set_send_buffer(bounds::unread_bytes)) return drop(where);
    const auto told = clients_[where]->try_send(ready);
    // A queue without room for it has others in it that were not read yet, each of which says the same.
    if (told || told.error() == std::errc::resource_unavailable_try_again) return {};
    return drop(where);
  }

  scm::result<void> drop(slot where) noexcept {
    clients_[where].reset();
    const auto told = arrivals_.send(scm::const_buffer{&where, sizeof where});
    return told ? scm::result<void>{} : failure{told.error().code};
  }

  scm::result<void> serve(slot where) noexcept {
    scm::seqpacket& client = *clients_[where];
    std::array<char, bounds::request_bytes> room;
    const auto message = client.try_receive(room, 0);
    if (!message)
      return message.error() == std::errc::resource_unavailable_try_again ? scm::result<void>{} : drop(where);
    const auto asked = parse_request({room.data(), message->size});
    if (!asked) return drop(where);

    const entry* const wanted = find(asked->name);
    scm::result<scm::owned_fd> file;
    if (wanted != nullptr && wanted->allowed == use::hand_on) file = ask_for(*wanted);
    if (!file) return failure{file.error()};
    // A client that does not read its answers waits for them in vain, and nobody waits for it.
    const auto sent = *file ? client.try_send({asked->tag, " ok"}, {*file}) : client.try_send({asked->tag, " no"});
    if (!sent) return drop(where);
    if (const auto who = client.peer().process.value; *file && who && journal_) {
      const auto name = static_cast<int>(asked->name.size());
      dprintf(journal_.native_handle(), "%.*s to user %u\n", name, asked->name.data(), who->uid);
    }
    return {};
  }

  scm::seqpacket files_, arrivals_;
  scm::owned_fd journal_;
  std::array<std::optional<scm::seqpacket>, bounds::clients> clients_;
};

}  // namespace

int worker(scm::inherited given) {
  auto files = given.take(files_name, connected);
  auto clients = given.take(clients_name, connected);
  if (!files || !clients) return 1;
  auto asking = scm::seqpacket::adopt(std::move(*files));
  auto arrivals = scm::seqpacket::adopt(std::move(*clients));
  if (!asking || !arrivals) return 1;
  auto done = give_up();
  if (done) done = server{std::move(*asking), std::move(*arrivals)}.run();
  if (done.error() == scm::errc::end_of_file) return 0;
  std::fprintf(stderr, "privsep: worker: %s\n", done.error().message().c_str());
  return 1;
}

}  // namespace privsep
