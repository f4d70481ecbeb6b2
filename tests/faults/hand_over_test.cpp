// Brokers and successors that are killed, or told an error, at every system call of a hand-over: what is stored is had
// from exactly one of them afterwards, as long as one lives that had it, and is closed when none does.
#include "service/broker_hand_over.hpp"
#include "service/broker_wire.hpp"
#include "support/catch.hpp"
#include "support/every_call.hpp"
#include "support/faults.hpp"
#include "support/process.hpp"

#include <scm/channel.hpp>
#include <scm/process/event.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <string>

using namespace scm;
using namespace std::chrono_literals;

namespace {

constexpr int times = 20;
constexpr std::size_t entries = 3;
const credentials owner{1, 1000, 1000};

ino_t inode_of(borrowed_fd fd) {
  struct stat status{};
  REQUIRE(::fstat(fd.native_handle(), &status) == 0);
  return status.st_ino;
}

bool ended(borrowed_fd pipe) {
  pollfd end{pipe.native_handle(), POLLIN, 0};
  return ::poll(&end, 1, 10'000) == 1 && (end.revents & POLLHUP) != 0;
}

// What happens to one of the two at a system call of the library's, counted from 1; 0 for none.
struct mishap {
  int step = 0;
  int error = 0;  // which of the errors that are plausible for it, counted from 1; 0 for SIGKILL
};

class struck {
 public:
  // `last_word` hears, before a death, that the baton was taken, and the other told.
  struck(mishap by, const seqpacket& last_word)
      : faults_{[this, by, &last_word](sys::call which, void*, long& result) {
          const bool has_told = told_;
          told_ = told_ || (baton_ && which == sys::call::sendmsg);
          if (which == sys::call::preadv2) baton_ = true;
          if (++calls_ != by.step) return false;
          if (by.error == 0) {
            if (has_told) (void)::send(last_word.fd().native_handle(), "baton", 5, 0);
            ::raise(SIGKILL);
          }
          const auto known = test::plausible(which);
          if (by.error > static_cast<int>(known.size())) return false;
          errno = known[static_cast<std::size_t>(by.error - 1)];
          result = -1;
          return true;
        }} {}
  [[nodiscard]] int calls() const { return calls_; }

 private:
  int calls_ = 0;
  bool baton_ = false;
  bool told_ = false;
  test::faults faults_;
};

// Stores a pipe's end under a few names, some of them of a process that lives.
void fill(detail::kept_store& store, const owned_fd& file, borrowed_fd process) {
  for (std::size_t i = 0; i != entries; ++i) {
    auto list = std::make_shared<descriptor_list>();
    (void)list->adopt(duplicate(file).value());
    detail::stored_entry entry{.descriptors = list, .group = 1000, .number = store.entries.next_number()};
    if (i == 1) {
      entry.process = detail::watched_process::make(duplicate(process).value(), store.ends.get(), entry.number).value();
    }
    REQUIRE(store.entries.put({owner.uid, "entry" + std::to_string(i)}, entry));
  }
}

// Serves: answers with all that it has, until it is told to end. The first byte says who it is.
bool serve(seqpacket& to, char who, const detail::kept_store& store, borrowed_fd listening) {
  std::vector<borrowed_fd> all{listening};
  for (const auto& [name, entry] : store.entries.entries()) all.push_back((*entry.descriptors)[0]);
  if (!to.send(std::string(1, who), all)) return false;
  std::array<char, 1> word;
  return to.receive(word, 0).has_value();
}

template <class... Ends>
void forget(Ends&... ends) {
  const auto close = [](auto& end) { const auto closed = std::move(end); };
  (close(ends), ...);
}

struct outcome {
  std::set<char> serving;        // b for the broker, s for the successor
  bool whole = true;             // what each of them has is what was stored
  bool closed = false;           // after their end nobody has it
  bool handed_over = false;      // the broker says so
  bool died_with_baton = false;  // the successor
  int broker_calls = 0, successor_calls = 0;
};

outcome try_hand_over(mishap of_broker, mishap of_successor) {
  outcome seen;
  auto [link_b, link_s] = stream::pair().value();
  auto [tell_b, hear_b] = seqpacket::pair().value();
  auto [tell_s, hear_s] = seqpacket::pair().value();
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const owned_fd pipe{ends[0]};
  owned_fd stored{ends[1]};
  const ino_t inode = inode_of(stored);
  auto door = std::make_optional(listener<stream>::bind(address::autobind()).value());
  const ino_t door_inode = inode_of(door->fd());
  const owned_fd self{static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))};
  const auto limits = store_limits{};

  test::child broker{[&]() -> bool {
    forget(link_s, hear_b, hear_s, tell_s);
    auto store = detail::make_store(limits).value();
    fill(*store, stored, self);
    stored.reset();
    int calls = 0;
    auto given = [&] {
      const struck by{of_broker, tell_b};
      auto result = detail::give_store(std::move(link_b), store->entries, *door, in(20s));
      calls = by.calls();
      return result;
    }();
    (void)tell_b.send(std::to_string(calls) + (given ? "+" : "-"));
    if (!given) return serve(tell_b, 'b', *store, door->fd());
    store.reset();
    door.reset();
    return true;  // and the connection ends with the process
  }};
  test::child successor{[&]() -> bool {
    forget(link_b, hear_b, hear_s, tell_b);
    stored.reset();
    door.reset();
    int calls = 0;
    auto taken = [&] {
      const struck by{of_successor, tell_s};
      auto result = detail::take_store(std::move(link_s), limits, in(20s));
      calls = by.calls();
      return result;
    }();
    (void)tell_s.send(std::to_string(calls));
    if (!taken) return true;
    return serve(tell_s, 's', *taken->store, taken->at.fd());
  }};
  stored.reset();
  door.reset();
  forget(link_b, link_s, tell_b, tell_s);

  for (auto* const from : {&hear_b, &hear_s}) {
    std::array<char, 16> text;
    while (const auto got = from->receive(text, 16, {.until = in(30s)})) {
      const std::string said{text.data(), got->size};
      if (said == "baton") {
        seen.died_with_baton = from == &hear_s;
        continue;
      }
      if (said != "b" && said != "s") {
        (from == &hear_b ? seen.broker_calls : seen.successor_calls) = std::stoi(said);
        if (from == &hear_b) seen.handed_over = said.ends_with('+');
        continue;
      }
      seen.serving.insert(said[0]);
      seen.whole = seen.whole && got->descriptors.size() == entries + 1 && inode_of(got->descriptors[0]) == door_inode;
      for (std::size_t i = 1; seen.whole && i <= entries; ++i) {
        seen.whole = inode_of(got->descriptors[i]) == inode;
      }
      break;
    }
  }
  for (auto* const to : {&hear_b, &hear_s}) (void)to->send("x");
  (void)broker.wait();
  (void)successor.wait();
  seen.closed = ended(pipe);
  return seen;
}

using servers = std::set<char>;

// The most errors that any call has.
constexpr int errors = 24;

}  // namespace

TEST_CASE("a store is handed over whole, to one who serves from then on", "[faults][no-valgrind]") {
  const auto seen = try_hand_over({}, {});
  CHECK(seen.serving == servers{'s'});
  CHECK(seen.whole);
  CHECK(seen.closed);
}

TEST_CASE("a successor is not believed that says it has everything, and has not taken it", "[faults]") {
  auto [here, there] = stream::pair().value();
  auto says = record_channel::make(std::move(there), {4096, 16, 65536, 16}).value();
  (void)says.send(hand_over::encode(hand_over::kind::begin)).value();
  (void)says.send(hand_over::encode(hand_over::kind::taken)).value();
  auto store = detail::make_store({}).value();
  const auto door = listener<stream>::bind(address::autobind()).value();
  const auto given = detail::give_store(std::move(here), store->entries, door, in(20s));
  REQUIRE_FALSE(given);
  CHECK(given.error().code == errc::malformed);
}

TEST_CASE("a successor that is told everything gives up when the broker has taken the store back", "[faults]") {
  auto [here, there] = stream::pair().value();
  auto says = record_channel::make(std::move(there), {4096, 16, 65536, 16}).value();
  const auto door = listener<stream>::bind(address::autobind()).value();
  const auto baton = event::make().value();  // its count is 0
  (void)says.send(hand_over::encode_offer({}, false), {door.fd(), baton.fd()}).value();
  (void)says.send(hand_over::encode_end(0)).value();
  (void)says.shutdown_send();
  const auto taken = detail::take_store(std::move(here), {}, in(20s));
  REQUIRE_FALSE(taken);
  CHECK(taken.error() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("a successor that is killed at any system call leaves the store with its broker", "[faults][no-valgrind]") {
  const int steps = try_hand_over({}, {}).successor_calls;
  REQUIRE(steps > 15);
  int with_baton = 0;
  for (int step = 1; step <= steps; ++step) {
    CAPTURE(step);
    for (int i = 0; i != times; ++i) {
      const auto seen = try_hand_over({}, {step});
      with_baton += seen.died_with_baton ? 1 : 0;
      // Once it had the baton the broker may have ended, and the store been its own, before it was killed. One that had
      // to wait less often than the first one lives.
      if (seen.serving != servers{'s'} && !(seen.died_with_baton && seen.handed_over)) {
        CHECK(seen.serving == servers{'b'});
      }
      CHECK(seen.whole);
      CHECK(seen.closed);
    }
  }
  CHECK(with_baton >= times);
}

TEST_CASE("a broker that is killed at any system call loses nothing that its successor has", "[faults][no-valgrind]") {
  const int steps = try_hand_over({}, {}).broker_calls;
  REQUIRE(steps > 10);
  std::set<int> lost;
  for (int step = 1; step <= steps; ++step) {
    CAPTURE(step);
    for (int i = 0; i != times; ++i) {
      const auto seen = try_hand_over({step}, {});
      if (seen.serving.empty()) {
        lost.insert(step);
      } else {
        CHECK(seen.serving == servers{'s'});
      }
      CHECK(seen.whole);
      CHECK(seen.closed);
    }
  }
  // Before the end is sent the broker is the only one that has everything; after it the successor is.
  REQUIRE_FALSE(lost.empty());
  CHECK(*lost.rbegin() == static_cast<int>(lost.size()));
  CHECK(*lost.rbegin() <= steps - 3);
}

TEST_CASE("whichever system call of a hand-over fails, and however, one of the two serves, and has all of it",
          "[faults][no-valgrind]") {
  const auto clean = try_hand_over({}, {});
  const auto try_all = [](int steps, const auto& with) {
    for (int step = 1; step <= steps; ++step) {
      for (int error = 1; error <= errors; ++error) {
        CAPTURE(step, error);
        const outcome seen = with(mishap{step, error});
        CHECK(seen.serving.size() == 1);
        CHECK(seen.whole);
        CHECK(seen.closed);
      }
    }
  };
  try_all(clean.broker_calls, [](mishap one) { return try_hand_over(one, {}); });
  try_all(clean.successor_calls, [](mishap one) { return try_hand_over({}, one); });
}
