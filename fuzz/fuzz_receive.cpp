// Receiving: what the kernel installs and reports is what was predicted, and what the library makes of it loses
// nothing.
//
// Input: one number each for the fields of `scenario`, in their order.
#include "kernel.hpp"

#include "core/uapi.hpp"

#include <scm/channel.hpp>
#include <scm/fuzz/input.hpp>
#include <scm/fuzz/receive_oracle.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace {

namespace fuzz = scm::fuzz;
using namespace scm::fuzz_support;
using scm::borrowed_fd;
using scm::control_kind;
using scm::errc;
using scm::owned_fd;
using scm::receive_item;

struct scenario {
  explicit scenario(fuzz::input& in)
      : type{socket_types[in.take<std::uint8_t>() % socket_types.size()]},
        how{in.take<std::uint8_t>()},
        items{in.take<std::uint8_t>()},
        descriptors{in.take<std::uint8_t>() % std::size_t{254}},
        payload{in.take<std::uint8_t>() % std::size_t{64}},
        room{in.take<std::uint8_t>() % std::size_t{64}},
        control{in.take<std::uint16_t>() % std::size_t{1200}},
        max{in.take<std::uint8_t>()},
        free{in.take<std::uint8_t>()} {
    if (type == SOCK_STREAM || descriptors == 0) payload = std::max<std::size_t>(payload, 1);
    if (type == SOCK_STREAM) room = std::max<std::size_t>(room, 1);
    if (free >= 64) free = unlimited;
  }

  int type;
  unsigned how;    // bits 0..1: by recvmsg(2), receive() or receive_partial(); then the flags of recvmsg(2)
  unsigned items;  // bits: credentials, pidfd, timestamp, queued bytes
  std::size_t descriptors, payload;
  std::size_t room, control;  // of recvmsg(2), in bytes
  std::size_t max;            // of receive()
  std::size_t free;           // slots in the descriptor table
};

struct attached {
  receive_item item;
  int option;
};
constexpr std::array attachable{attached{receive_item::credentials, SO_PASSCRED},
                                attached{receive_item::pidfd, scm::uapi::so_passpidfd},
                                attached{receive_item::timestamp, scm::uapi::so_timestampns},
                                attached{receive_item::queued_bytes, scm::uapi::so_inq}};

bool set(borrowed_fd socket, int option, bool on) {
  const int value = on ? 1 : 0;
  return ::setsockopt(socket.native_handle(), SOL_SOCKET, option, &value, sizeof value) == 0;
}

// Items that are on: those asked for which this kernel has and emits on such a socket.
struct items_on {
  explicit items_on(const scenario& s, borrowed_fd socket) {
    for (std::size_t i = 0; i != attachable.size(); ++i) {
      const bool nowhere = attachable[i].item == receive_item::timestamp && s.type == SOCK_STREAM;
      on[i] = (s.items >> i & 1) != 0 && !nowhere && set(socket, attachable[i].option, true);
    }
  }
  bool has(receive_item item) const {
    return on[static_cast<std::size_t>(item) - (item > receive_item::label ? 1 : 0)];
  }
  std::array<bool, attachable.size()> on{};
};
static_assert(receive_item::credentials < receive_item::pidfd && receive_item::pidfd < receive_item::label &&
              receive_item::label < receive_item::timestamp && receive_item::timestamp < receive_item::queued_bytes);

// What arrives, by the rules.
struct prediction {
  prediction(const scenario& s, const items_on& on, std::size_t control) : oracle{control} {
    if (on.has(receive_item::timestamp)) timestamp = oracle.put(sizeof(timespec));
    if (on.has(receive_item::credentials)) credentials = oracle.put(12);
    installed = oracle.put_rights(s.descriptors, s.free);
    if (on.has(receive_item::pidfd)) {
      pidfd = oracle.put_pidfd();
      pidfd_refused = pidfd && s.free == installed;
    }
    if (on.has(receive_item::queued_bytes)) queued = oracle.put(4);
  }

  fuzz::receive_oracle oracle;
  long timestamp = -1, credentials = -1, queued = -1;  // bytes of payload, or no item
  std::size_t installed = 0;
  bool pidfd = false, pidfd_refused = false;
};

void send(borrowed_fd through, const scenario& s, const things_to_send& things) {
  std::vector<borrowed_fd> fds;
  for (std::size_t i = 0; i != s.descriptors; ++i) fds.push_back(things[i]);
  scm::control_buffer control;
  FUZZ_CHECK(control.append_rights(fds).has_value());
  const std::vector<char> bytes(s.payload, 'x');
  FUZZ_CHECK(send_raw(through, bytes, control.bytes()) == static_cast<ssize_t>(s.payload));
}

// --- by recvmsg(2) ---------------------------------------------------------------------------------------------------

void receive_raw(borrowed_fd from, const scenario& s, const items_on& on, const things_to_send& things, int flags) {
  const prediction expected{s, on, s.control};
  std::vector<char> bytes(s.room);
  std::vector<std::byte> control(s.control, std::byte{0xaa});
  iovec data{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = 0;
  {
    const table_limit limit{s.free};
    size = ::recvmsg(from.native_handle(), &message, flags | MSG_DONTWAIT);
  }

  const bool stream = s.type == SOCK_STREAM;
  const bool cut = !stream && s.room < s.payload;
  const bool whole_length = !stream && (flags & MSG_TRUNC) != 0;
  FUZZ_CHECK(size == static_cast<ssize_t>(whole_length ? s.payload : std::min(s.payload, s.room)));
  FUZZ_CHECK(((message.msg_flags & MSG_TRUNC) != 0) == cut);
  FUZZ_CHECK(((message.msg_flags & MSG_CTRUNC) != 0) == expected.oracle.cut());
  FUZZ_CHECK(message.msg_controllen == expected.oracle.size());
  for (std::size_t i = message.msg_controllen; i != control.size(); ++i) FUZZ_CHECK(control[i] == std::byte{0xaa});

  std::size_t installed = 0;
  long timestamp = -1, credentials = -1, queued = -1;
  bool pidfd = false;
  scm::control_view walk{{control.data(), message.msg_controllen}};
  while (const auto item = walk.next()) {
    const auto length = static_cast<long>(item->payload.size());
    switch (scm::kind_of(*item)) {
      case control_kind::timestamp:
        timestamp = length;
        break;
      case control_kind::credentials:
        credentials = length;
        break;
      case control_kind::rights: {
        const auto slots = scm::as_rights(*item);
        for (std::size_t i = 0; i != slots.size(); ++i) {
          const owned_fd fd{slots[i]};
          FUZZ_CHECK(fd && things.is(i, fd));
          const int inherited = ::fcntl(fd.native_handle(), F_GETFD) & FD_CLOEXEC;
          FUZZ_CHECK((inherited != 0) == ((flags & MSG_CMSG_CLOEXEC) != 0));
        }
        installed = slots.size();
        break;
      }
      case control_kind::pidfd: {
        pidfd = true;
        const auto slot = scm::as_pidfd(*item);
        FUZZ_CHECK(slot && (*slot == -EMFILE) == expected.pidfd_refused);
        const owned_fd fd{*slot};
        FUZZ_CHECK(expected.pidfd_refused || (::fcntl(fd.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
        break;
      }
      case control_kind::queued_bytes:
        queued = length;
        break;
      case control_kind::label:
      case control_kind::unknown:
        FUZZ_CHECK(false);
    }
  }
  FUZZ_CHECK(!walk.error());
  FUZZ_CHECK(installed == expected.installed && pidfd == expected.pidfd);
  FUZZ_CHECK(timestamp == expected.timestamp && credentials == expected.credentials && queued == expected.queued);
}

void drain(borrowed_fd socket) {
  char byte = 0;
  // Datagrams may be empty, and then there is one at most.
  while (::recv(socket.native_handle(), &byte, 1, MSG_DONTWAIT) > 0) {
  }
}

void by_recvmsg(const scenario& s, const things_to_send& things) {
  static const std::array pairs{socket_pair(socket_types[0]), socket_pair(socket_types[1]),
                                socket_pair(socket_types[2])};
  const auto at = std::ranges::find(socket_types, s.type) - socket_types.begin();
  const auto& [near, far] = pairs[static_cast<std::size_t>(at)];
  const items_on on{s, far};
  send(near, s, things);
  const int cloexec = (s.how & 4) != 0 ? MSG_CMSG_CLOEXEC : 0;
  if ((s.how & 8) != 0) receive_raw(far, s, on, things, cloexec | MSG_PEEK | ((s.how & 16) != 0 ? MSG_TRUNC : 0));
  receive_raw(far, s, on, things, cloexec | ((s.how & 32) != 0 ? MSG_TRUNC : 0));
  drain(far);
  for (std::size_t i = 0; i != on.on.size(); ++i) {
    if (on.on[i]) FUZZ_CHECK(set(far, attachable[i].option, false));
  }
}

// --- by the library --------------------------------------------------------------------------------------------------

// The library's rules, over what is predicted to arrive in the room that it offers.
std::optional<errc> loss(const scenario& s, const prediction& expected) {
  if (expected.installed > s.max) return errc::over_limit;
  if (expected.oracle.cut()) return errc::descriptors_lost;
  if (expected.pidfd_refused) return errc::refused;
  if (s.type != SOCK_STREAM && s.room < s.payload) return errc::payload_cut;
  return std::nullopt;
}

template <class Channel>
void by_library(scenario s, const things_to_send& things) {
  auto [near, far] = socket_pair(s.type);
  const items_on on{s, far};
  auto channel = Channel::adopt(std::move(far));
  FUZZ_CHECK(channel.has_value());
  send(near, s, things);

  s.max = std::min<std::size_t>(s.max, 253);
  // An adopted stream has room for queued bytes in any case: the kernel does not tell whether they are on.
  const scm::control_room room{.rights = std::min<std::size_t>(s.max + 1, 253),
                               .credentials = on.has(receive_item::credentials),
                               .pidfd = on.has(receive_item::pidfd),
                               .timestamp = on.has(receive_item::timestamp),
                               .queued_bytes = s.type == SOCK_STREAM};
  const prediction expected{s, on, room.bytes()};
  std::vector<char> bytes(s.room);
  const bool partial = (s.how & 3) == 2;
  auto got = [&] {
    const table_limit limit{s.free};
    return partial ? channel->receive_partial(bytes, s.max, {.until = scm::dont_wait})
                   : channel->try_receive(bytes, s.max);
  }();

  const auto lost = loss(s, expected);
  FUZZ_CHECK(got.has_value() == (partial || !lost));
  if (!got) {
    FUZZ_CHECK(got.error().code == *lost);
    FUZZ_CHECK(got.error().installed == expected.installed && got.error().max == s.max);
    if (s.type == SOCK_STREAM) {
      FUZZ_CHECK(channel->try_receive(bytes, s.max).error().code == errc::receive_side_dead);
    }
    return;
  }
  FUZZ_CHECK(got->size == std::min(s.payload, s.room));
  FUZZ_CHECK(got->descriptors.size() == std::min(expected.installed, s.max));
  for (std::size_t i = 0; i != got->descriptors.size(); ++i) {
    FUZZ_CHECK(things.is(i, got->descriptors[i]));
    FUZZ_CHECK((::fcntl(got->descriptors[i].native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  FUZZ_CHECK(got->surplus == expected.installed - got->descriptors.size());
  FUZZ_CHECK(got->descriptors_lost == expected.oracle.cut());
  FUZZ_CHECK(got->payload_cut == (s.type != SOCK_STREAM && s.room < s.payload));
  FUZZ_CHECK(got->sender.has_value() == (expected.credentials == 12));
  FUZZ_CHECK(static_cast<bool>(got->sender_pidfd) == (expected.pidfd && !expected.pidfd_refused));
  FUZZ_CHECK(got->sender_pidfd_refusal.has_value() == expected.pidfd_refused);
  FUZZ_CHECK(got->queued_at.has_value() == (expected.timestamp == sizeof(timespec)));
  FUZZ_CHECK(got->queued_bytes.has_value() == (expected.queued == 4));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const things_to_send things;
  fuzz::input in{{bytes, size}};
  const scenario s{in};
  const leak_check leaks;
  if ((s.how & 3) == 0 || (s.how & 3) == 3) {
    by_recvmsg(s, things);
  } else if (s.type == SOCK_STREAM) {
    by_library<scm::stream>(s, things);
  } else if (s.type == SOCK_DGRAM) {
    by_library<scm::datagram>(s, things);
  } else {
    by_library<scm::seqpacket>(s, things);
  }
  return 0;
}
