// Batches out and in over one pair of sockets, up to 64 operations, and a model of the queue that says what each of
// them answers: how many messages, in which order, which descriptors with which, and the exact loss of each.
//
// Input: one byte for the type of socket, three for the room of the receive batch (messages, bytes, descriptors), then
// operations: a byte that says which, and what the operation takes.
#include "kernel.hpp"

#include <scm/batch.hpp>
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

struct one_message {
  std::vector<char> bytes;
  std::vector<std::size_t> descriptors;  // by their index among the things to send
  bool closed = false;                   // one that is not open is among them: only in the send batch
};

template <class Channel>
class session {
 public:
  explicit session(fuzz::input& in)
      : in_{in}, messages_{1 + take(8)}, room_{take(32)}, max_{take(6)}, ends_{*Channel::pair()} {
    auto arriving = scm::receive_batch::make(messages_, room_, max_);
    auto leaving = scm::send_batch::make(leaving_messages, leaving_descriptors);
    FUZZ_CHECK(arriving.has_value() && leaving.has_value());
    arriving_.emplace(std::move(*arriving));
    leaving_.emplace(std::move(*leaving));
  }

  void run() {
    for (int steps = 0; !in_.empty() && steps != 64; ++steps) step();
    while (receive(unlimited, std::nullopt)) {
    }
  }

 private:
  static constexpr bool is_datagram = std::same_as<Channel, scm::datagram>;
  static constexpr std::size_t leaving_messages = 6, leaving_descriptors = 4;

  std::size_t take(std::size_t bound) { return in_.take<std::uint8_t>() % bound; }

  void step() {
    switch (take(16)) {
      case 0:
      case 1:
      case 2:
        add(made(take(40), take(6)), false);
        break;
      case 3:
        add(made(take(4), take(4)), true);
        break;
      case 4:
      case 5:
      case 6:
        send();
        break;
      case 7:
        leaving_->skip();
        if (!out_.empty()) out_.pop_front();
        if (out_.empty()) entries_ = 0;
        break;
      case 8:
      case 9:
      case 10:
        (void)receive(unlimited, std::nullopt);
        break;
      case 11:
        (void)receive(take(16), std::nullopt);
        break;
      case 12: {
        const std::size_t free = take(64);
        (void)receive(free, take(8));
        break;
      }
      case 13:
        take_out();
        break;
      case 14:
        other(take(5));
        break;
      case 15: {  // an empty message, which on seqpacket looks like an end
        if (shut_ || queue_.size() >= most_queued) break;
        FUZZ_CHECK(::send(ends_.first.fd().native_handle(), "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) == 0);
        queue_.push_back({});
        break;
      }
    }
  }

  one_message made(std::size_t size, std::size_t count) {
    one_message one{std::vector<char>(size), std::vector<std::size_t>(count)};
    for (char& byte : one.bytes) byte = static_cast<char>(next_byte_++);
    for (std::size_t& thing : one.descriptors) thing = next_thing_++ % things_to_send::size;
    return one;
  }

  // --- out ---

  void add(one_message one, bool closed) {
    std::vector<borrowed_fd> fds;
    for (const std::size_t thing : one.descriptors) fds.push_back(things()[thing]);
    if (closed && !fds.empty()) {
      fds.back() = borrowed_fd{1'000'000};
      one.closed = true;
    }
    out_.push_back(std::move(one));  // first: its bytes are lent
    const auto added = leaving_->add(out_.back().bytes, fds);
    // The room of what was sent is used again once all is.
    const bool fits = entries_ < leaving_messages && fds.size() <= leaving_descriptors;
    FUZZ_CHECK(added.has_value() == fits);
    if (added) {
      ++entries_;
    } else {
      check_code(added.error(), errc::over_limit);
      out_.pop_back();
    }
    FUZZ_CHECK(leaving_->size() == out_.size());
  }

  std::optional<std::error_code> refusal(const one_message& one) const {
    if (!is_datagram && one.bytes.empty() && one.descriptors.empty()) return errc::empty_message;
    if (one.closed) return system_error(EBADF);
    if (shut_) return system_error(EPIPE);
    return std::nullopt;
  }

  void send() {
    if (queue_.size() + out_.size() > most_queued) return;
    std::size_t expected = 0;
    while (expected != out_.size() && !refusal(out_[expected])) ++expected;
    const auto sent = leaving_->try_send(ends_.first);
    if (expected == 0 && !out_.empty()) {
      FUZZ_CHECK(!sent);
      check_code(sent.error().code, *refusal(out_.front()));
    } else {
      FUZZ_CHECK(sent.has_value() && *sent == expected);
      for (; expected != 0; --expected) {
        queue_.push_back(std::move(out_.front()));
        out_.pop_front();
      }
    }
    FUZZ_CHECK(leaving_->size() == out_.size());
    if (out_.empty()) entries_ = 0;
  }

  // --- in ---

  scm::control_room control() const { return {.rights = max_ + 1, .credentials = credentials_}; }

  // What one message of the queue is, once it has come in beside so many free slots.
  struct arrival {
    std::size_t installed;
    bool looks_like_the_end;
    std::optional<std::error_code> loss;
  };
  arrival arrives(const one_message& one, std::size_t free) const {
    fuzz::receive_oracle oracle{control().bytes()};
    if (credentials_) oracle.put(12);
    arrival is{oracle.put_rights(one.descriptors.size(), free), false, std::nullopt};
    const bool cut = one.bytes.size() > room_;
    is.looks_like_the_end = !is_datagram && one.bytes.empty() && is.installed == 0 && !oracle.cut() && !credentials_;
    if (is.looks_like_the_end) {
      is.loss = errc::end_of_file;
    } else if (is.installed > max_) {
      is.loss = errc::over_limit;
    } else if (oracle.cut()) {
      is.loss = errc::descriptors_lost;
    } else if (cut) {
      is.loss = errc::payload_cut;
    }
    return is;
  }

  bool receive(std::size_t free, std::optional<std::size_t> reserve) {
    const bool limited = free != unlimited;
    if (limited) arriving_->clear();  // else its descriptors are closed after the free slots were counted
    const std::size_t slots = max_ + 1;
    const auto ends = [](const one_message& one) { return one.bytes.empty() && one.descriptors.empty(); };
    if (reserve && (shut_ || std::ranges::any_of(queue_, ends))) return false;  // how many are asked for is not known

    const auto got = [&] {
      const table_limit limit{free};
      return arriving_->receive(ends_.second, {.until = scm::dont_wait, .reserve = reserve});
    }();
    if (queue_.empty() && (is_datagram || !shut_)) {
      FUZZ_CHECK(!got);
      check_code(got.error().code, system_error(EAGAIN));
      return false;
    }
    if (reserve && limited && free < slots + *reserve) {
      FUZZ_CHECK(!got);
      check_code(got.error().code, errc::no_headroom);
      return false;
    }

    std::size_t raw = std::min(messages_, queue_.size());
    if (reserve && limited) {
      // Near the limit it is one, and never more than there is room for, whatever comes.
      const std::size_t most = (control().bytes() - scm::cmsg_header_size()) / sizeof(int);
      FUZZ_CHECK(got.has_value() && *got >= 1 && *got <= raw && (*got == 1 || *got * most + *reserve <= free));
      raw = *got;
    }
    std::vector<arrival> arrived;
    const auto messages_among = [&](std::size_t first) {
      arrived.clear();
      std::size_t left = free;
      for (std::size_t i = 0; i != first; ++i) {
        arrived.push_back(arrives(queue_[i], left));
        if (limited) left -= arrived.back().installed;
        FUZZ_CHECK(!reserve || !arrived.back().loss || *arrived.back().loss != errc::descriptors_lost);
      }
      std::size_t count = first;
      if ((!is_datagram && shut_) || first == messages_) {
        while (count != 0 && arrived[count - 1].looks_like_the_end) --count;
      }
      return count;
    };
    std::size_t count = messages_among(raw);
    if (count == 0) {  // an end, which is believed when it is said twice
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(raw));
      raw = std::min(messages_, queue_.size());
      count = messages_among(raw);
    }
    if (count == 0) {
      FUZZ_CHECK(!got);
      check_code(got.error().code, errc::end_of_file);
      FUZZ_CHECK(arriving_->empty());
    } else {
      FUZZ_CHECK(got.has_value() && *got == count && arriving_->size() == count);
    }
    for (std::size_t i = 0; i != count; ++i) check((*arriving_)[i], queue_[i], arrived[i]);
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(raw));
    return raw != 0;
  }

  void check(const scm::received& got, const one_message& expected, const arrival& is) {
    FUZZ_CHECK(got.loss.has_value() == is.loss.has_value());
    if (got.loss) {
      check_code(got.loss->code, *is.loss);
      FUZZ_CHECK(got.loss->installed == is.installed && got.loss->max == max_);
      FUZZ_CHECK(got.bytes.empty() && got.content.size == 0 && got.content.descriptors.empty());
      FUZZ_CHECK(!got.content.sender && !got.content.from);
      return;
    }
    FUZZ_CHECK(got.content.size == expected.bytes.size() && got.bytes.size() == expected.bytes.size());
    FUZZ_CHECK(
        std::equal(expected.bytes.begin(), expected.bytes.end(), reinterpret_cast<const char*>(got.bytes.data())));
    FUZZ_CHECK(got.content.descriptors.size() == expected.descriptors.size());
    for (std::size_t i = 0; i != expected.descriptors.size(); ++i) {
      FUZZ_CHECK(things().is(expected.descriptors[i], got.content.descriptors[i]));
    }
    FUZZ_CHECK(got.content.sender.has_value() == credentials_);
    FUZZ_CHECK(got.content.from.has_value() == is_datagram);
  }

  // --- the rest ---

  // Of the message that is there, a descriptor, or all of it.
  void take_out() {
    const std::size_t which = take(8), what = take(3);
    if (which >= arriving_->size() || kept_.size() > 20) return;
    scm::message& one = (*arriving_)[which].content;
    if (what == 2) {
      const scm::message moved{std::move(one)};
      FUZZ_CHECK(one.descriptors.empty() && one.size == 0);
    } else if (owned_fd fd = one.descriptors.take(what)) {
      kept_.push_back(out_of_the_way(std::move(fd)));
    }
  }

  void other(std::size_t what) {
    switch (what) {
      case 0:
        FUZZ_CHECK(ends_.first.shutdown_send().has_value());
        shut_ = true;
        break;
      case 1:
        credentials_ = !credentials_;
        FUZZ_CHECK(ends_.second.set(scm::receive_item::credentials, credentials_).has_value());
        break;
      case 2:
        arriving_->clear();
        break;
      case 3: {  // to other objects and back
        scm::receive_batch moved{std::move(*arriving_)};
        FUZZ_CHECK(arriving_->empty() && arriving_->capacity() == 0);
        *arriving_ = std::move(moved);
        scm::send_batch also{std::move(*leaving_)};
        FUZZ_CHECK(leaving_->empty() && !leaving_->add("x"));
        *leaving_ = std::move(also);
        break;
      }
      default:
        leaving_->clear();
        out_.clear();
        break;
    }
    if (out_.empty()) entries_ = 0;
  }

  static constexpr std::size_t most_queued = 200;  // more would not fit into the default send buffer

  fuzz::input& in_;
  std::size_t messages_, room_, max_;
  std::pair<Channel, Channel> ends_;
  std::optional<scm::receive_batch> arriving_;
  std::optional<scm::send_batch> leaving_;
  std::deque<one_message> out_;    // in the send batch
  std::deque<one_message> queue_;  // sent
  std::vector<owned_fd> kept_;
  std::size_t entries_ = 0;  // of the send batch that are in use, those that were sent with them
  bool shut_ = false;
  bool credentials_ = false;
  unsigned char next_byte_ = 0;
  std::size_t next_thing_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  (void)things();
  const leak_check leaks;
  fuzz::input in{{bytes, size}};
  if (in.take<std::uint8_t>() % 2 == 0) {
    session<scm::datagram>{in}.run();
  } else {
    session<scm::seqpacket>{in}.run();
  }
  return 0;
}
