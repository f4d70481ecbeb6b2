/// The monitor: opens what the policy allows, and reads nothing that strangers send.
#include "held_clients.hpp"
#include "policy.hpp"
#include "roles.hpp"
#include "worker_process.hpp"

#include <poll.h>

#include <cstdio>

namespace privsep {
namespace {

/// What the policy has under a name; nothing for a name that it does not have.
scm::owned_fd open_for(std::string_view name, scm::borrowed_fd directory) noexcept {
  const entry* const asked = find(name);
  if (asked == nullptr) return {};
  // Neither a link is followed nor a FIFO waited for, should somebody have put one in the file's place.
  constexpr int always = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  scm::owned_fd file{openat(directory.native_handle(), asked->file, asked->flags | always, 0600)};
  return file && scm::admit(file, expected(*asked)) ? std::move(file) : scm::owned_fd{};
}

class keeper {
 public:
  explicit keeper(monitor_setup&& with) noexcept : with_{std::move(with)} {}

  /// False when it is over.
  bool wait_and_serve() {
    enum : std::size_t { signal, end, question, departure, arrival, sources };
    std::array<pollfd, sources> wait;
    wait.fill({-1, POLLIN, 0});  // poll(2) passes over what is negative
    wait[signal].fd = with_.signals.native_handle();
    if (worker_) {
      wait[end].fd = worker_->process.pidfd().native_handle();
      wait[question].fd = worker_->files.fd().native_handle();
      wait[departure].fd = worker_->clients.fd().native_handle();
      // Without a worker, or without room, clients wait in the backlog, where they lose nothing.
      if (!held_.full()) wait[arrival].fd = with_.arrivals.fd().native_handle();
    }
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(restart_ - std::chrono::steady_clock::now());
    const int timeout = worker_ ? -1 : static_cast<int>(std::max(rest, 0 * rest).count());
    if (poll(wait.data(), wait.size(), timeout) < 0 || wait[signal].revents != 0) return false;

    const bool hung_up = ((wait[question].revents | wait[departure].revents) & POLLHUP) != 0;
    if (!worker_) {
      start();
    } else if (wait[end].revents != 0 || hung_up) {
      end_worker("is gone");
    } else if (wait[question].revents != 0 && !answer()) {
      end_worker("asked in another way than agreed");
    } else if (wait[departure].revents != 0 && !release()) {
      end_worker("gave back what it does not have");
    } else if (wait[arrival].revents != 0 && !welcome()) {
      end_worker("takes no clients");
    }
    return true;
  }

 private:
  void start() {
    auto started = start_worker(with_.worker);
    if (!started) {
      std::fprintf(stderr, "privsep: starting a worker: %s\n", started.error().message().c_str());
      restart_ = scm::in(bounds::last_restart);
      return;
    }
    worker_ = std::move(*started);
    for (slot where = 0; where != bounds::clients; ++where) {
      if (held_.at(where) && !hand_over(where)) return end_worker("takes no clients");
    }
  }

  /// Alive or not, and whatever it is up to.
  void end_worker(const char* why) noexcept {
    const bool well = std::chrono::steady_clock::now() - worker_->started >= bounds::well;
    delay_ = well ? bounds::first_restart : std::min(2 * delay_, bounds::last_restart);
    restart_ = scm::in(delay_);
    std::fprintf(stderr, "privsep: worker %d %s\n", worker_->process.pid(), why);
    worker_.reset();
  }

  bool answer() noexcept {
    std::array<char, bounds::name_bytes> name;
    const auto question = worker_->files.try_receive(name, 0);
    if (!question) return false;
    const auto file = open_for({name.data(), question->size}, with_.directory);
    // A send that would wait is one to a worker that does not take its answers.
    return file ? worker_->files.try_send(scm::const_buffer{&granted, 1}, {file}).has_value()
                : worker_->files.try_send(scm::const_buffer{&refused, 1}).has_value();
  }

  bool release() noexcept {
    slot where = 0;
    const auto told = worker_->clients.try_receive(scm::mutable_buffer{&where, sizeof where}, 0);
    return told && told->size == sizeof where && held_.release(where);
  }

  /// Held before the worker has it: there is no moment in which a client is the worker's alone.
  bool welcome() noexcept {
    auto client = with_.arrivals.try_accept();
    if (!client)
      return poll(nullptr, 0, 10) == 0;  // out of descriptors: it waits in the backlog, and this not in a loop
    const auto who = client->peer().process.value;
    if (!who) return true;
    (void)client->accept_descriptors(false);
    const auto where = held_.hold(std::move(*client).release(), who->uid);
    return !where || hand_over(*where);
  }

  bool hand_over(slot where) noexcept {
    return worker_->clients.try_send(scm::const_buffer{&where, sizeof where}, held_.at(where)).has_value();
  }

  monitor_setup with_;
  held_clients held_;
  std::optional<worker_process> worker_;
  std::chrono::milliseconds delay_ = bounds::first_restart;
  scm::deadline restart_ = std::chrono::steady_clock::now();
};

}  // namespace

void monitor(monitor_setup with) {
  for (keeper keep{std::move(with)}; keep.wait_and_serve();) continue;
}

}  // namespace privsep
