#include "workload.hpp"

#include "open_descriptors.hpp"
#include "peer.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace bench {
namespace {

constexpr std::array workloads{
    workload{"ping-pong-1", shape::ping_pong, 64, 1},     workload{"one-way-0", shape::one_way, 64, 0},
    workload{"one-way-1", shape::one_way, 64, 1},         workload{"one-way-16", shape::one_way, 64, 16},
    workload{"one-way-253", shape::one_way, 64, 253},     workload{"one-process-0", shape::one_process, 64, 0},
    workload{"one-process-1", shape::one_process, 64, 1},
};

/// Messages that fit a queue of the usual net.core.wmem_default (kernel fact C9: 278), with some to spare.
constexpr std::size_t queue_length = 300;

int make(descriptor_kind kind) noexcept {
  return kind == descriptor_kind::event ? eventfd(0, EFD_CLOEXEC) : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/// Descriptors to send: numbers for one eventfd, or as many sockets, each of which is a vertex in the kernel's graph.
class lent_descriptors {
 public:
  lent_descriptors(std::size_t count, descriptor_kind kind) {
    numbers_.reserve(count);
    while (numbers_.size() != count) {
      const int number = numbers_.empty() || kind == descriptor_kind::unix_socket
                             ? make(kind)
                             : fcntl(numbers_[0], F_DUPFD_CLOEXEC, 0);
      if (number < 0) throw std::system_error{errno, std::system_category(), "open a descriptor to send"};
      numbers_.push_back(number);
    }
  }
  ~lent_descriptors() {
    for (const int number : numbers_) close(number);
  }
  lent_descriptors(const lent_descriptors&) = delete;
  lent_descriptors& operator=(const lent_descriptors&) = delete;

  [[nodiscard]] std::span<const int> numbers() const noexcept { return numbers_; }

 private:
  std::vector<int> numbers_;
};

double read_clock(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) throw std::system_error{errno, std::system_category(), "read a clock"};
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// A connection in the shape of a workload: one end here, the other one here as well or in a peer.
class course {
 public:
  course(const workload& work, contender& who)
      : work_{work},
        burst_{std::max(work.burst, who.batch())},
        lent_{work.descriptors, work.kind},
        ends_{who.connect({work.bytes, work.descriptors, lent_.numbers()})} {
    if (work.how == shape::one_process) {
      ends_.second->begin();
    } else {
      const auto role = work.how == shape::one_way ? peer_role::sink : peer_role::echoer;
      peer_.emplace(role, ends_.first, std::move(ends_.second));
    }
    ends_.first->begin();
  }

  /// Passes so many messages, and throws if not all of their descriptors arrived.
  void run(std::size_t messages) {
    std::size_t arrived = 0;
    switch (work_.how) {
      case shape::one_way:
        peer_->start(messages);
        ends_.first->send(messages);
        arrived = peer_->finish();
        break;
      case shape::ping_pong:
        peer_->start(messages / 2);
        for (std::size_t i = 0; i != messages / 2; ++i) {
          ends_.first->send(1);
          arrived += ends_.first->receive(1);
        }
        arrived += peer_->finish();
        break;
      case shape::one_process:
        for (std::size_t left = messages; left != 0;) {
          const std::size_t now = std::min(left, burst_);
          ends_.first->send(now);
          arrived += ends_.second->receive(now);
          left -= now;
        }
        ends_.second->settle();
        break;
    }
    if (arrived != messages * work_.descriptors) throw std::runtime_error{"descriptors did not arrive"};
  }

  /// Processor time used so far by all processes of the course, in ns.
  [[nodiscard]] double used() const {
    double sum = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    if (peer_) sum += read_clock(peer_->processor_clock());
    return sum;
  }

  void stop() {
    if (peer_) peer_->stop();
  }

 private:
  const workload& work_;
  std::size_t burst_;
  lent_descriptors lent_;
  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> ends_;
  std::optional<peer> peer_;
};

}  // namespace

std::span<const workload> all_workloads() noexcept { return workloads; }

bool suits(const workload& work, const contender& who) {
  return who.can(work.bytes, work.descriptors) && (work.how != shape::ping_pong || who.batch() == 1);
}

std::size_t most_in_flight(const workload& work) noexcept {
  return work.descriptors * (work.how == shape::ping_pong ? 1 : queue_length);
}

double measure(const workload& work, contender& who, std::size_t messages) {
  course track{work, who};
  const std::size_t open_before = open_descriptors();
  // Pages that the fork left to be copied, caches and branch predictors are nobody's merit.
  track.run(std::max<std::size_t>(messages / 8, 1) * 2);

  const double start = track.used();
  track.run(messages);
  const double time = track.used() - start;

  if (open_descriptors() != open_before) throw std::runtime_error{"descriptors stayed open"};
  track.stop();
  return time / static_cast<double>(messages);
}

}  // namespace bench
