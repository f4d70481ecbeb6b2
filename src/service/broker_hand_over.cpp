#include "service/broker_hand_over.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "service/broker_wire.hpp"

#include <scm/process/event.hpp>

#include <new>
#include <utility>
#include <vector>

namespace scm::inline v0_1::detail {
namespace {

using hand_over::kind;

constexpr record_bounds bounds{.record_bytes = hand_over::record_bytes,
                               .record_descriptors = limits::descriptors_per_message + 1,
                               .queued_bytes = limits::packet_bytes,
                               .queued_descriptors = 0};

std::unexpected<std::error_code> failure(std::error_code why) noexcept { return std::unexpected{why}; }

/// The next record, if it is of a kind that can come now.
result<record> receive(record_channel& from, kind first, kind second, deadline until) noexcept {
  const auto got = from.receive({.until = until});
  if (!got) return failure(got.error().code);
  const auto what = hand_over::kind_of(got->bytes);
  if (!what) return failure(what.error());
  if (*what != first && *what != second) return failure(errc::malformed);
  return *got;
}
result<void> receive_word(record_channel& from, kind what, deadline until) noexcept {
  const auto got = receive(from, what, what, until);
  if (!got) return failure(got.error());
  return {};
}

/// What decides is asked again where the kernel cannot say: for memory, or whatever a filter makes of it.
constexpr int attempts = 3;

/// Takes the baton; EAGAIN where the other has it.
result<void> take(event& baton) noexcept {
  result<std::uint64_t> taken;
  for (int attempt = 0; attempt != attempts; ++attempt) {
    taken = baton.take(dont_wait);
    if (taken) return {};
    if (would_block(taken.error())) break;
  }
  return failure(taken.error());
}

// --- the broker ------------------------------------------------------------------------------------------------------

result<void> send_all(record_channel& to, const descriptor_store& entries, const listening_socket& at,
                      const event& baton, deadline until) {
  const socket_file& file = at.file();
  std::vector<borrowed_fd> lent{at.fd(), baton.fd()};
  if (file.handle()) lent.push_back(file.handle());
  if (file.handle() && file.lock()) lent.push_back(file.lock());
  const auto path = file.handle() ? file.at().name() : std::string_view{};
  if (auto sent = to.send(hand_over::encode_offer(path, lent.size() == 4), lent, until); !sent) return sent;
  for (const auto& [name, entry] : entries.entries()) {
    const auto held = entry.descriptors->view();
    lent.assign(held.begin(), held.end());
    if (entry.process) lent.push_back(entry.process.pidfd());
    if (auto sent = to.send(hand_over::encode_entry(name, entry), lent, until); !sent) return sent;
  }
  const auto count = static_cast<std::uint32_t>(entries.entries().size());
  if (auto sent = to.send(hand_over::encode_end(count), {}, until); !sent) return sent;
  return to.flush(until);
}

result<void> offer(record_channel& to, const descriptor_store& entries, const listening_socket& at, const event& baton,
                   deadline until) noexcept try {
  if (auto begun = receive_word(to, kind::begin, until); !begun) return begun;
  if (auto sent = send_all(to, entries, at, baton, until); !sent) return sent;
  return receive_word(to, kind::taken, until);
} catch (const std::bad_alloc&) {
  return failure(std::make_error_code(std::errc::not_enough_memory));
}

std::unexpected<kept_error> kept(std::error_code why) noexcept { return std::unexpected{kept_error{why}}; }

/// How the successor is. It closes its end with its life, or when it gives up.
enum class health { lives, hung_up, unknown };

health health_of(const record_channel& end) noexcept {
  for (int attempt = 0; attempt != attempts; ++attempt) {
    pollfd state{end.fd().native_handle(), POLLRDHUP, 0};
    constexpr timespec now{};
    const int ready = sys::poll(&state, 1, &now);
    if (ready >= 0) return ready == 0 ? health::lives : health::hung_up;
  }
  return health::unknown;
}

// --- the successor ---------------------------------------------------------------------------------------------------

/// What has come of an offer; nothing of it acts before the baton is taken.
struct offered {
  owned_fd listening{};
  event baton{};
  address where{};
  owned_fd file{}, lock{};
};

result<offered> receive_offer(record_channel& from, deadline until) {
  const auto got = receive(from, kind::offer, kind::offer, until);
  if (!got) return failure(got.error());
  const auto said = hand_over::decode_offer(got->bytes, got->descriptors.size());
  if (!said) return failure(said.error());
  auto baton = event::adopt(std::move(got->descriptors[1]));
  if (!baton) return failure(baton.error().code);
  offered made{.listening = std::move(got->descriptors[0]), .baton = std::move(*baton)};
  if (said->path.empty()) return made;
  const auto where = address::path(said->path);
  if (!where) return failure(where.error());
  made.where = *where;
  made.file = std::move(got->descriptors[2]);
  if (said->lock) made.lock = std::move(got->descriptors[3]);
  return made;
}

result<void> keep(const hand_over::entry& said, std::span<owned_fd> came, kept_store& in) {
  stored_entry made{.descriptors = nullptr, .group = said.group, .with = said.with, .number = in.entries.next_number()};
  if (said.expiring) {
    auto watched = watched_process::make(std::move(came.back()), in.ends, made.number);
    if (!watched) return failure(watched.error());
    made.process = std::move(*watched);
    came = came.first(came.size() - 1);
  }
  const auto list = std::make_shared<descriptor_list>();
  if (auto room = list->reserve(came.size()); !room) return room;
  for (owned_fd& one : came) (void)list->adopt(std::move(one));
  made.descriptors = list;
  if (in.entries.entries().contains(said.name)) return failure(errc::malformed);
  in.entries.restore(said.name, made);
  return {};
}

result<void> receive_entries(record_channel& from, kept_store& into, deadline until) {
  for (;;) {
    const auto got = receive(from, kind::entry, kind::end, until);
    if (!got) return failure(got.error());
    if (*hand_over::kind_of(got->bytes) == kind::end) {
      const auto count = hand_over::decode_end(got->bytes, got->descriptors.size());
      if (!count) return failure(count.error());
      if (*count != into.entries.entries().size()) return failure(errc::malformed);
      return {};
    }
    const auto said = hand_over::decode_entry(got->bytes, got->descriptors.size());
    if (!said) return failure(said.error());
    if (auto kept = keep(*said, got->descriptors, into); !kept) return kept;
  }
}

/// Waits for the end of the broker, which says nothing more. A reset, of a `taken` that nobody read, comes before it.
bool wait_for_end(record_channel& from) noexcept {
  for (int attempt = 0; attempt != attempts; ++attempt) {
    const auto got = from.receive();
    if (!got && got.error() == errc::end_of_file) return true;
  }
  return false;
}

/// Who connected from now on sees this process at the other end (SO_PEERCRED), not the one that listened first.
void listen_as_ourselves(const listener<stream>& at) noexcept {
  (void)sys::listen(at.fd().native_handle(), listen_options{}.backlog);
}

}  // namespace

void kept_store::expire() noexcept {
  constexpr auto ended = [](borrowed_fd process) noexcept {
    pollfd state{process.native_handle(), POLLIN, 0};
    constexpr timespec now{};
    return sys::poll(&state, 1, &now) > 0;
  };
  if (ended(ends.get())) entries.expire(ended);
}

result<std::unique_ptr<kept_store>> make_store(const store_limits& limits) noexcept {
  owned_fd ends{sys::epoll_create1(EPOLL_CLOEXEC)};
  if (!ends) return os_failure();
  std::unique_ptr<kept_store> made{new (std::nothrow) kept_store{std::move(ends), limits}};
  if (!made) return failure(std::make_error_code(std::errc::not_enough_memory));
  return made;
}

result<record_channel, kept_error> give_store(stream&& to, const descriptor_store& entries, const listening_socket& at,
                                              deadline until) noexcept {
  stream mine{std::move(to)};  // closed in any case, so that a successor that waits sees the end
  auto baton = event::make();
  if (!baton) return kept(baton.error());
  if (const auto raised = baton->signal(); !raised) return kept(raised.error());
  auto over = record_channel::make(std::move(mine), bounds);
  if (!over) return kept(over.error());

  const auto said = offer(*over, entries, at, *baton, until);
  // What was said is a reason to look. The baton tells.
  const auto back = take(*baton);
  if (back) return kept(said ? make_error_code(errc::malformed) : said.error());
  if (!would_block(back.error())) return std::unexpected{kept_error{back.error(), std::move(*over)}};
  switch (health_of(*over)) {
    case health::lives:
      break;
    case health::hung_up:
      return kept(errc::end_of_file);
    case health::unknown:
      return std::unexpected{kept_error{os_error(), std::move(*over)}};
  }
  return std::move(*over);
}

result<taken_store> take_store(stream&& from, const store_limits& limits, deadline until) noexcept try {
  stream mine{std::move(from)};
  auto store = make_store(limits);
  if (!store) return failure(store.error());
  auto over = record_channel::make(std::move(mine), bounds);
  if (!over) return failure(over.error());
  if (const auto begun = over->send(hand_over::encode(kind::begin), {}, until); !begun) return failure(begun.error());
  auto came = receive_offer(*over, until);
  if (!came) return failure(came.error());
  auto at = listener<stream>::adopt(std::move(came->listening));
  if (!at) return failure(at.error());
  if (const auto all = receive_entries(*over, **store, until); !all) return failure(all.error());
  const auto last = hand_over::encode(kind::taken);

  if (const auto took = take(came->baton); !took) return failure(took.error());
  // From here on nothing fails, and nothing ends this but the end of this process.
  // To wake the broker, which else sees the baton gone when it has waited long enough; where it is gone it needs no
  // waking.
  for (int attempt = 0; attempt != attempts && !over->send(last, {}, until); ++attempt) continue;
  taken_store taken{std::move(*store), std::move(*at), {}};
  if (!wait_for_end(*over)) taken.undecided = std::move(*over);
  listen_as_ourselves(taken.at);
  if (came->file) taken.at.take_file(socket_file::adopt(came->where, std::move(came->file), std::move(came->lock)));
  return taken;
} catch (const std::bad_alloc&) {
  return failure(std::make_error_code(std::errc::not_enough_memory));
}

}  // namespace scm::inline v0_1::detail
