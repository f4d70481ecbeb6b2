// Two ends of a channel, up to 64 operations on either, and a model that says what each of them answers: order,
// boundaries, which descriptors come with which bytes, and the exact error when something is lost or over.
//
// Input: one byte for the type of socket, then operations: a byte (bits 0..3: which; bit 4: at which end) and what the
// operation takes.
#include "kernel.hpp"

#include <scm/channel.hpp>
#include <scm/fuzz/input.hpp>
#include <scm/fuzz/receive_oracle.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <optional>
#include <system_error>
#include <vector>

namespace {

namespace fuzz = scm::fuzz;
using namespace scm::fuzz_support;
using scm::borrowed_fd;
using scm::errc;
using scm::owned_fd;
using scm::receive_item;

// A message in a queue. On a stream it is what the kernel keeps of one send.
struct queued {
  std::vector<char> bytes;
  std::vector<std::size_t> descriptors;  // by their index among the things to send
  bool with_credentials;                 // attached when it was sent
  std::size_t taken = 0;                 // bytes already read, on a stream
};

// What there is to know of one end.
struct end_model {
  std::deque<queued> queue;  // what this end can receive
  bool open = true;
  bool shut = false;          // for sending
  bool dead = false;          // after a loss, on a stream
  bool reset = false;         // an ECONNRESET that is waiting to be told
  bool disconnected = false;  // a datagram socket that has learned that its peer is gone
  bool credentials = false;   // SO_PASSCRED
  bool refuses = false;       // SO_PASSRIGHTS off
  bool cramped = false;       // a small send buffer: EAGAIN is possible
};

template <class Channel>
class session {
 public:
  explicit session(fuzz::input& in) : in_{in} {
    auto pair = Channel::pair();
    FUZZ_CHECK(pair.has_value());
    ends_[0].emplace(std::move(pair->first));
    ends_[1].emplace(std::move(pair->second));
  }

  void run() {
    for (int steps = 0; !in_.empty() && steps != 64; ++steps) step();
    // What is left arrives in order, as long as somebody can receive it.
    for (const std::size_t end : {0u, 1u}) {
      for (std::size_t left = models_[end].queue.size() + 2; left != 0 && models_[end].open; --left) {
        receive(end, 600, 253, unlimited, false);
      }
    }
  }

 private:
  static constexpr bool is_stream = std::same_as<Channel, scm::stream>;
  static constexpr bool is_datagram = std::same_as<Channel, scm::datagram>;

  std::size_t take(std::size_t bound) { return in_.take<std::uint8_t>() % bound; }

  void step() {
    const unsigned what = in_.take<std::uint8_t>();
    const std::size_t end = what >> 4 & 1;
    if (!models_[end].open) return;
    switch (what & 15) {
      case 0:
      case 1:
        send(end, in_.take<std::uint16_t>() % std::size_t{512}, 0, false);
        break;
      case 2:
      case 3:
        send(end, take(64), 1 + take(5), false);
        break;
      case 4:
        send(end, take(8), 1 + take(3), true);
        break;
      case 5:
        send_closed(end);
        break;
      case 6:
      case 7:
        receive(end, in_.take<std::uint16_t>() % std::size_t{600}, 253, unlimited, false);
        break;
      case 8:  // little room of every kind
      case 9: {
        const std::size_t room = take(8), max = take(6), free = take(12);
        receive(end, room, max, free > 8 ? unlimited : free, (what & 1) != 0);
        break;
      }
      case 10:
        shut(end);
        break;
      case 11:
        close(end);
        break;
      case 12:
        set_credentials(end, take(2) == 1);
        break;
      case 13:
        refuse(end, take(2) == 1);
        break;
      case 14:
        FUZZ_CHECK(ends_[end]->set_send_buffer(1).has_value());
        models_[end].cramped = true;
        break;
      case 15: {  // to another object and back
        Channel moved{std::move(*ends_[end])};
        *ends_[end] = std::move(moved);
        break;
      }
    }
  }

  // --- sending ---

  // The error that the model expects, before the peer's queue is looked at.
  std::optional<std::error_code> refusal(std::size_t end, std::size_t bytes, std::size_t descriptors) {
    end_model &mine = models_[end], &peer = models_[1 - end];
    if (bytes == 0 && ((is_stream && descriptors != 0) || (!is_stream && !is_datagram && descriptors == 0))) {
      return errc::empty_message;
    }
    if (!is_stream && !is_datagram && mine.reset) {  // the first to ask is told
      mine.reset = false;
      return system_error(ECONNRESET);
    }
    if (is_datagram) {
      if (mine.shut) return system_error(EPIPE);
      if (mine.disconnected) return system_error(ENOTCONN);
      if (!peer.open) {
        mine.disconnected = true;
        mine.queue.clear();  // the kernel throws away what was received (kernel fact D6)
        return system_error(ECONNREFUSED);
      }
    } else if (mine.shut || !peer.open) {
      return system_error(EPIPE);
    }
    if (descriptors != 0 && peer.refuses) return system_error(EPERM);
    return std::nullopt;
  }

  void send(std::size_t end, std::size_t size, std::size_t count, bool owned) {
    std::vector<char> bytes(size);
    for (char& byte : bytes) byte = static_cast<char>(next_byte_[end]++);
    std::vector<std::size_t> which(count);
    std::vector<borrowed_fd> fds;
    for (std::size_t& thing : which) fds.push_back(things()[thing = next_thing_++ % things_to_send::size]);

    scm::descriptor_list list;
    if (owned) {
      for (const borrowed_fd fd : fds) FUZZ_CHECK(list.adopt(must(::dup(fd.native_handle()))));
    }
    const auto expected = refusal(end, size, count);
    const auto sent =
        owned ? ends_[end]->send_owned(bytes, list, {.until = scm::dont_wait}) : ends_[end]->try_send(bytes, fds);
    FUZZ_CHECK(!owned || list.size() == (sent ? 0 : count));
    // Room is looked for before the peer's wishes.
    const bool full_may_come_first = !expected || *expected == system_error(EPERM);
    if (!sent && models_[end].cramped && full_may_come_first && sent.error().code == system_error(EAGAIN)) {
      next_byte_[end] -= static_cast<unsigned char>(size);
      return;
    }
    FUZZ_CHECK(sent.has_value() == !expected);
    if (expected) {
      check_code(sent.error().code, *expected);
      FUZZ_CHECK(sent.error().bytes_sent == 0 && sent.error().descriptors_sent == 0);
      next_byte_[end] -= static_cast<unsigned char>(size);
      return;
    }
    FUZZ_CHECK(*sent == size);
    if (is_stream && size == 0) return;
    models_[1 - end].queue.push_back(
        {std::move(bytes), std::move(which), models_[0].credentials || models_[1].credentials});
  }

  void send_closed(std::size_t end) {
    const auto sent = ends_[end]->try_send("x", borrowed_fd{1'000'000});
    FUZZ_CHECK(!sent);
    if (!is_stream && !is_datagram && models_[end].reset) {
      models_[end].reset = false;
      check_code(sent.error().code, system_error(ECONNRESET));
    } else {
      check_code(sent.error().code, system_error(EBADF));  // looked at before anything else
    }
  }

  // --- receiving ---

  // What one recvmsg(2) takes off the queue.
  struct taken {
    std::vector<char> bytes;
    std::vector<std::size_t> descriptors;
    bool cut = false;
  };
  taken take_packet(end_model& mine, std::size_t room) {
    queued front = std::move(mine.queue.front());
    mine.queue.pop_front();
    taken got{std::move(front.bytes), std::move(front.descriptors)};
    got.cut = got.bytes.size() > room;
    got.bytes.resize(std::min(got.bytes.size(), room));
    return got;
  }
  // Goes on until the room is full, after descriptors, and before bytes of another sender, where that is told (facts
  // C1, C2, C10).
  taken take_stream(end_model& mine, std::size_t room) {
    taken got;
    std::optional<bool> sender;
    while (!mine.queue.empty() && room != 0) {
      queued& front = mine.queue.front();
      if (mine.credentials && sender && *sender != front.with_credentials) break;
      sender = front.with_credentials;
      const std::size_t size = std::min(room, front.bytes.size() - front.taken);
      const auto from = front.bytes.begin() + static_cast<std::ptrdiff_t>(front.taken);
      got.bytes.insert(got.bytes.end(), from, from + static_cast<std::ptrdiff_t>(size));
      front.taken += size;
      room -= size;
      got.descriptors = std::exchange(front.descriptors, {});
      if (front.taken != front.bytes.size()) break;
      mine.queue.pop_front();
      if (!got.descriptors.empty()) break;
    }
    return got;
  }

  std::optional<std::error_code> nothing(std::size_t end, std::size_t room) {
    end_model &mine = models_[end], &peer = models_[1 - end];
    if (mine.dead) return errc::receive_side_dead;
    if (is_stream && room == 0) return std::make_error_code(std::errc::invalid_argument);
    if (mine.reset && (!is_stream || mine.queue.empty())) {
      mine.reset = false;
      return system_error(ECONNRESET);
    }
    if (!mine.queue.empty()) return std::nullopt;
    if (!is_datagram && (!peer.open || peer.shut)) return errc::end_of_file;
    return system_error(EAGAIN);
  }

  void receive(std::size_t end, std::size_t room, std::size_t max, std::size_t free, bool partial) {
    end_model& mine = models_[end];
    const auto none = nothing(end, room);
    std::vector<char> bytes(room);
    auto got = [&] {
      const table_limit limit{free};
      return partial ? ends_[end]->receive_partial(bytes, max, {.until = scm::dont_wait})
                     : ends_[end]->try_receive(bytes, max);
    }();
    if (none) {
      FUZZ_CHECK(!got && got.error().installed == 0);
      check_code(got.error().code, *none);
      return;
    }

    const taken expected = is_stream ? take_stream(mine, room) : take_packet(mine, room);
    const scm::control_room control{.rights = std::min<std::size_t>(max + 1, 253), .credentials = mine.credentials};
    fuzz::receive_oracle oracle{control.bytes()};
    if (mine.credentials) oracle.put(12);
    const std::size_t installed = oracle.put_rights(expected.descriptors.size(), free);

    std::optional<std::error_code> lost;
    if (installed > max) {
      lost = errc::over_limit;
    } else if (oracle.cut()) {
      lost = errc::descriptors_lost;
    } else if (expected.cut) {
      lost = errc::payload_cut;
    }
    FUZZ_CHECK(got.has_value() == (partial || !lost));
    if (!got) {
      check_code(got.error().code, *lost);
      FUZZ_CHECK(got.error().installed == installed);
      mine.dead = is_stream;
      return;
    }
    FUZZ_CHECK(got->size == expected.bytes.size());
    FUZZ_CHECK(std::equal(expected.bytes.begin(), expected.bytes.end(), bytes.begin()));
    FUZZ_CHECK(got->descriptors.size() == std::min(installed, max) &&
               got->surplus == installed - got->descriptors.size());
    for (std::size_t i = 0; i != got->descriptors.size(); ++i) {
      FUZZ_CHECK(things().is(expected.descriptors[i], got->descriptors[i]));
    }
    FUZZ_CHECK(got->descriptors_lost == oracle.cut() && got->payload_cut == expected.cut);
    FUZZ_CHECK(got->sender.has_value() == mine.credentials);
  }

  // --- the rest ---

  void shut(std::size_t end) {
    FUZZ_CHECK(ends_[end]->shutdown_send().has_value());
    models_[end].shut = true;
  }

  void close(std::size_t end) {
    end_model &mine = models_[end], &peer = models_[1 - end];
    // Unread messages reset the connection (kernel fact D7). An empty one at the front does not count: Linux 6.18 takes
    // it for what an urgent byte that was read leaves behind.
    const std::size_t overlooked = !mine.queue.empty() && mine.queue.front().bytes.empty() ? 1 : 0;
    if (!is_datagram && peer.open && mine.queue.size() > overlooked) peer.reset = true;
    mine.open = false;
    mine.queue.clear();
    ends_[end].reset();
  }

  void set_credentials(std::size_t end, bool on) {
    FUZZ_CHECK(ends_[end]->set(receive_item::credentials, on).has_value());
    models_[end].credentials = on;
  }

  void refuse(std::size_t end, bool on) {
    const auto answer = ends_[end]->accept_descriptors(!on);
    if (!answer) {
      FUZZ_CHECK(answer.error() == errc::unsupported);  // before Linux 6.16
      return;
    }
    models_[end].refuses = on;
  }

  fuzz::input& in_;
  std::optional<Channel> ends_[2];
  end_model models_[2];
  unsigned char next_byte_[2]{};
  std::size_t next_thing_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const leak_check leaks;
  fuzz::input in{{bytes, size}};
  switch (in.take<std::uint8_t>() % 3) {
    case 0:
      session<scm::stream>{in}.run();
      break;
    case 1:
      session<scm::datagram>{in}.run();
      break;
    default:
      session<scm::seqpacket>{in}.run();
      break;
  }
  return 0;
}
