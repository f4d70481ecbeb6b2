#include "service/supervisor_loop.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "service/supervisor_request.hpp"

#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

namespace scm::inline v0_1::detail {
namespace {

using boost::asio::posix::stream_descriptor;
using std::chrono::milliseconds;

// What an event of the epoll set is about; a call's is its id, which the kernel counts from a random number on.
constexpr std::uint64_t about_listener = 0, about_stop = 1, about_program = 2;

// How long the next call of a busy program is waited for right here, without a round through the event loop.
constexpr long linger = 50'000;
constexpr int rounds_at_once = 64;

// How often waiting calls are looked at: whether they still wait, and whether a signal is there. No more than so many
// at a time: a look takes some 15 us.
constexpr milliseconds look_interval{4};
constexpr int looks_at_once = 16;

// Calls on the listener that fail for no reason that a listener has.
constexpr int give_up_after = 16;

// Descriptors that stay free for one message, with its pidfd and what `who` and names open.
constexpr std::size_t reserve = limits::descriptors_per_message + 16;

std::size_t longest_control() noexcept {
  std::size_t bytes = limits::foreign_control_bytes;
  const owned_fd file{sys::open("/proc/sys/net/core/optmem_max", O_RDONLY | O_CLOEXEC)};
  if (!file) return bytes;
  std::array<char, 32> text;
  const ssize_t size = sys::read(file.native_handle(), text.data(), text.size());
  if (size > 0) (void)std::from_chars(text.data(), text.data() + size, bytes);
  return bytes;
}

std::size_t room_in_table(borrowed_fd lowest) noexcept {
  rlimit limit{};
  if (sys::getrlimit(RLIMIT_NOFILE, limit) != 0) return 0;
  const auto numbers = static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 20));
  // What is open already lies below the number that was given out last, as a rule.
  const auto open = static_cast<std::size_t>(lowest.native_handle()) + 1 + known_threads::most;
  return numbers > open + reserve ? numbers - open - reserve : 0;
}

}  // namespace

supervisor_loop::supervisor_loop(borrowed_fd listener, child& program, const supervisor_options& options,
                                 event& stopped, own_rights&& rights)
    : listener_{listener},
      program_{&program},
      program_ended_{options.program_ended},
      stopped_{&stopped},
      most_waiting_{options.pending},
      most_descriptors_{0},
      kernel_{listener, std::move(rights)} {
  desk_.judge = options.judge;
  desk_.most_control = longest_control();
  if (!desk_.rights.reserve(limits::descriptors_per_message) || !desk_.pidfds.reserve(supervised_pidfds)) {
    throw std::bad_alloc{};
  }
}

supervisor_loop::~supervisor_loop() {
  turns_.clear();
  times_.clear();
  if (ready_ && ready_->is_open()) (void)ready_->release();
}

supervisor_statistics supervisor_loop::counted() const noexcept {
  supervisor_statistics now = desk_.statistics;
  now.pending = waiting_.size();
  return now;
}

result<bool> supervisor_loop::serve() {
  set_.reset(sys::epoll_create1(EPOLL_CLOEXEC));
  if (!set_) return os_failure();
  most_descriptors_ = room_in_table(set_.get());
  const auto watch = [&](borrowed_fd fd, std::uint64_t what) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.u64 = what;
    return sys::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, fd.native_handle(), interest) == 0;
  };
  if (!watch(listener_, about_listener) || !watch(stopped_->fd(), about_stop) ||
      !watch(program_->pidfd(), about_program)) {
    return os_failure();
  }
  // Whoever answers is woken on the processor of who asked: 6.6, and without it only slower.
  constexpr unsigned long set_flags = _IOW('!', 4, std::uint64_t), wake_up_here = 1;
  (void)sys::ioctl(listener_.native_handle(), set_flags, reinterpret_cast<void*>(wake_up_here));

  ready_.emplace(events_, set_.native_handle());
  wait_for_events();
  events_.run();
  (void)ready_->release();
  if (failed_) return std::unexpected{failed_};
  return hung_up_;
}

void supervisor_loop::wait_for_events() {
  ready_->async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failed) {
    if (failed || over_) return;
    serve_events();
    if (!over_) return wait_for_events();
    timer_.cancel();
  });
}

void supervisor_loop::serve_events() {
  std::array<epoll_event, 32> ready;
  for (int round = 0; round != rounds_at_once && !over_; ++round) {
    const int count =
        sys::epoll_wait(set_.native_handle(), ready.data(), static_cast<int>(ready.size()), round == 0 ? 0 : linger);
    if (count < 0 && errno != EINTR) {
      failed_ = os_error();
      over_ = true;
    }
    if (count <= 0) break;
    for (const epoll_event& one : std::span{ready}.first(static_cast<std::size_t>(count))) {
      const std::uint64_t about = one.data.u64;  // a copy: the structure is packed
      if (about == about_stop) {
        (void)stopped_->take(dont_wait);
        over_ = true;
      } else if (about == about_listener) {
        if ((one.events & EPOLLIN) != 0) {
          take_call();
        } else if ((one.events & EPOLLHUP) != 0) {
          over_ = hung_up_ = true;  // no process has the filter any more
        }
      } else if (about == about_program) {
        reap();
      } else if (const auto found = waiting_.find(about); found != waiting_.end()) {
        carry_on(*found->second);
      }
    }
  }
  arm_timer();
}

// Before 6.11 a process has its filter until it is reaped, and the listener would never hang up.
void supervisor_loop::reap() noexcept {
  try {
    if (program_ended_) program_ended_();
  } catch (...) {
  }
  (void)program_->wait(dont_wait);
  epoll_event ignored{};
  (void)sys::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, program_->pidfd().native_handle(), ignored);
}

// --- calls -----------------------------------------------------------------------------------------------------------

void supervisor_loop::take_call() noexcept {
  // A later kernel's structure is larger; it writes as much as it has.
  union {
    seccomp_notif call;
    std::array<std::byte, 512> room;
  } taken{.room = {}};
  if (sys::ioctl(listener_.native_handle(), SECCOMP_IOCTL_NOTIF_RECV, &taken.call) != 0) {
    const bool was_killed = errno == ENOENT || errno == EINTR;
    if (was_killed || ++not_taken_ != give_up_after) return;
    failed_ = os_error();
    over_ = true;
    return;
  }
  not_taken_ = 0;
  const std::uint64_t id = taken.call.id;
  const auto thread = static_cast<pid_t>(taken.call.pid);
  kernel_.turn_to(id, thread);
  const auto request = request_of(taken.call.data, kernel_.memory());
  if (!request) return answer(id, -number_of_error(request.error()));
  supervised_call call{*request, desk_};
  const call_step step = call.advance(kernel_);
  if (!step.waits()) return answer(id, step.answer);
  park(id, thread, std::move(call), step);
}

void supervisor_loop::park(std::uint64_t id, pid_t thread, supervised_call&& call, const call_step& step) noexcept {
  const std::size_t descriptors = call.holds();
  if (waiting_.size() >= most_waiting_ || held_ + descriptors > most_descriptors_) return give_up(call, id, ENOBUFS);
  waiting_call* one = nullptr;
  try {
    auto made = std::make_unique<waiting_call>(id, thread, std::move(call));
    one = made.get();
    waiting_.insert_or_assign(id, std::move(made));
  } catch (...) {
    return one == nullptr ? answer(id, -ENOMEM) : give_up(one->call, id, ENOMEM);
  }
  one->process = kernel_.who().process;
  one->descriptors = descriptors;
  held_ += descriptors;
  turns_.push_back(*one);
  if (!wait_for(*one, step)) {
    give_up(one->call, id, ENOMEM);
    drop(*one);
  }
}

// False when it cannot be waited for.
bool supervisor_loop::wait_for(waiting_call& one, const call_step& step) noexcept {
  if (step.what != call_step::next::back_off && !one.watched) {
    epoll_event interest{};
    // Edges: one that is ready and still has nothing for this call must not be told again and again.
    interest.events = EPOLLET | (step.what == call_step::next::readable ? EPOLLIN | EPOLLRDHUP : EPOLLOUT);
    interest.data.u64 = one.id;
    if (sys::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, one.call.socket().native_handle(), interest) != 0) {
      return false;
    }
    one.watched = true;
  }
  if (one.boost::intrusive::set_base_hook<boost::intrusive::tag<waiting_time>>::is_linked()) {
    times_.erase(times_.iterator_to(one));
  }
  one.until = step.until;
  if (one.until != no_deadline) times_.insert(one);
  return true;
}

void supervisor_loop::carry_on(waiting_call& one) noexcept {
  kernel_.turn_to(one.id, one.thread);
  if (!kernel_.valid()) return let_go(one);
  const call_step step = one.call.advance(kernel_);
  if (step.waits()) {
    if (wait_for(one, step)) return;
    give_up(one.call, one.id, ENOMEM);
  } else {
    answer(one.id, step.answer);
  }
  drop(one);
}

// A call that can wait no longer for reasons of ours: what it has done counts.
void supervisor_loop::give_up(supervised_call& call, std::uint64_t id, int error) noexcept {
  const std::int64_t done = call.interrupted(kernel_, false);
  answer(id, done >= 0 ? done : -error);
}

void supervisor_loop::answer(std::uint64_t id, std::int64_t value) noexcept {
  seccomp_notif_resp given{};
  given.id = id;
  if (value >= 0) {
    given.val = value;
  } else {
    given.error = static_cast<std::int32_t>(value);
  }
  for (int i = 0; i != give_up_after; ++i) {
    if (sys::ioctl(listener_.native_handle(), SECCOMP_IOCTL_NOTIF_SEND, &given) == 0 || errno == ENOENT) return;
  }
  kernel_.kill();  // whom nobody can answer waits for ever
}

// Nobody waits for the answer any more; where the question alone failed somebody does.
void supervisor_loop::let_go(waiting_call& one) noexcept {
  answer(one.id, -ESRCH);
  drop(one);
}

void supervisor_loop::drop(waiting_call& one) noexcept {
  // By hand: the program has the open file as well, so that closing our descriptor takes it out of no epoll set.
  if (one.watched) {
    epoll_event ignored{};
    (void)sys::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, one.call.socket().native_handle(), ignored);
  }
  if (one.until != no_deadline) times_.erase(times_.iterator_to(one));
  turns_.erase(turns_.iterator_to(one));
  held_ -= one.descriptors;
  waiting_.erase(one.id);
}

// --- time and signals ------------------------------------------------------------------------------------------------

void supervisor_loop::arm_timer() {
  if (over_ || waiting_.empty()) return;
  const deadline now = std::chrono::steady_clock::now();
  if (next_look_ == no_deadline) next_look_ = now + look_interval;
  const deadline next = times_.empty() ? next_look_ : std::min(next_look_, times_.begin()->until);
  if (armed_ <= next) return;
  armed_ = next;
  timer_.expires_at(next);
  timer_.async_wait([this](boost::system::error_code failed) {
    if (failed || over_) return;
    armed_ = no_deadline;
    on_timer();
    arm_timer();
  });
}

void supervisor_loop::on_timer() {
  const deadline now = std::chrono::steady_clock::now();
  while (!times_.empty() && times_.begin()->until <= now) {
    waiting_call& one = *times_.begin();
    const deadline was = one.until;
    const auto id = one.id;
    carry_on(one);
    // A deadline that nobody moved on would be met for ever: a clock that stands still is none of ours.
    if (const auto found = waiting_.find(id); found != waiting_.end() && found->second->until == was) break;
  }
  if (now < next_look_) return;
  next_look_ = no_deadline;
  for (std::size_t left = std::min<std::size_t>(looks_at_once, turns_.size()); left != 0 && !turns_.empty(); --left) {
    waiting_call& one = turns_.front();
    turns_.splice(turns_.end(), turns_, turns_.begin());
    look(one);
  }
}

void supervisor_loop::look(waiting_call& one) noexcept {
  kernel_.turn_to(one.id, one.thread);
  if (!kernel_.valid()) return let_go(one);  // killed: peers see its end when our duplicate is closed
  const auto status = status_of(one.thread);
  if (!status || !kernel_.valid()) return;
  signals_seen seen = signals_for(*status);
  const std::uint64_t shared = status->pending_of_process & ~status->blocked & ~status->ignored;
  const std::uint64_t before = std::exchange(one.shared_seen, shared);
  if (!seen.any) {
    asked_.erase(one.process);
    // A program that stops waits for all of its threads, each of which has been told, whether a signal shows or not.
    const auto first = status->threads > 1 ? status_of(one.process) : status;
    if (!first || !first->stopped || !kernel_.valid()) return;
    seen = {true, true};
  }
  // A signal of a process with several threads is for one of them, which may be about to take it: only if it stays is
  // it for one that waits here.
  seen.certain = seen.certain || nobody_else_takes(status->process, one.thread, shared);
  if (!seen.certain && ((shared & before) == 0 || !its_turn_for(one, shared))) return;
  ++desk_.statistics.interrupted;
  answer(one.id, one.call.interrupted(kernel_, seen.certain));
  drop(one);
}

// Whether this is the thread to try next. The kernel prefers the first of a process (complete_signal).
bool supervisor_loop::its_turn_for(const waiting_call& one, std::uint64_t signals) noexcept {
  try {
    std::vector<pid_t>& asked = asked_[one.process];
    const auto was_asked = [&](pid_t thread) { return std::ranges::find(asked, thread) != asked.end(); };
    const bool first_waits = std::ranges::any_of(turns_, [&](const waiting_call& other) {
      return other.thread == one.process && (other.shared_seen & signals) != 0;
    });
    if (one.thread != one.process && first_waits && !was_asked(one.process)) return false;
    const bool all_asked = std::ranges::all_of(
        turns_, [&](const waiting_call& other) { return other.process != one.process || was_asked(other.thread); });
    if (all_asked) asked.clear();
    if (was_asked(one.thread)) return false;
    asked.push_back(one.thread);
    return true;
  } catch (...) {
    return true;
  }
}

}  // namespace scm::inline v0_1::detail
