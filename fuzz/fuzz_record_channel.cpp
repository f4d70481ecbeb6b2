// Two ends of a channel of records over a real socket, up to 64 operations on either, and a model of what is on its
// way: order, whole records, each with its own descriptors (by inode), and nothing of a record whose send has failed.
//
// Input: one byte (bit 0: seqpacket; bit 1: small send buffers, of which a stream takes records in part), then
// operations: a byte (bits 0..3: which; bit 4: at which end) and what the operation takes.
#include "kernel.hpp"

#include <scm/frame.hpp>
#include <scm/fuzz/input.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

namespace fuzz = scm::fuzz;
using namespace scm::fuzz_support;
using scm::borrowed_fd;
using scm::errc;
using scm::owned_fd;
using scm::record_channel;

constexpr scm::record_bounds bounds{1 << 20, 2000, 100'000, 400};

// A record on its way, or the place of one that failed and of which there may be word.
struct expected {
  char first;
  std::size_t size;
  std::size_t thing;  // the first of its descriptors; the others follow
  std::size_t descriptors;
  bool failed = false;
  bool late = false;  // queued after the shutdown, and so never sent

  [[nodiscard]] std::string bytes() const {
    std::string all(size, '\0');
    char next = first;
    for (char& each : all) each = next++;
    return all;
  }
};

// What there is to know of one end.
struct end_model {
  std::deque<expected> coming;  // what this end can receive
  bool open = true;
  bool shut = false;         // for sending
  std::size_t lost = 0;      // at most so many of `coming` were still waiting at the peer when it closed
  std::error_code broken{};  // said for good
};

bool is(const std::error_code& code, int number) { return code == std::error_code{number, std::system_category()}; }

class session {
 public:
  template <class Channel>
  session(fuzz::input& in, std::pair<Channel, Channel> pair, bool cramped) : in_{in} {
    if (cramped) {
      FUZZ_CHECK(pair.first.set_send_buffer(1).has_value());
      FUZZ_CHECK(pair.second.set_send_buffer(1).has_value());
    }
    ends_[0].emplace(record_channel::make(std::move(pair.first), bounds).value());
    ends_[1].emplace(record_channel::make(std::move(pair.second), bounds).value());
  }

  void run() {
    for (int steps = 0; !in_.empty() && steps != 64; ++steps) {
      step();
      for (const std::size_t end : {0U, 1U}) check_waiting(end);
    }
    // What is left arrives in order, as long as somebody can receive it.
    for (const std::size_t end : {0U, 1U}) {
      while (models_[end].open && receive(end)) {
      }
    }
  }

 private:
  std::size_t take(std::size_t bound) { return in_.take<std::uint8_t>() % bound; }

  void step() {
    const unsigned what = in_.take<std::uint8_t>();
    const std::size_t end = what >> 4 & 1;
    if (!models_[end].open) return;
    switch (what & 15) {
      case 0:
      case 1:
        send(end, next(end, size(), take(6)));
        break;
      case 2:  // more than a message carries
        send(end, next(end, take(4), 250 + take(300)));
        break;
      case 3:
      case 4:
        send_many(end);
        break;
      case 5:
      case 6:
      case 7:
        queue(end, next(end, size(), take(6)));
        break;
      case 8:
        queue(end, next(end, take(4), 250 + take(10)));
        break;
      case 9:
        flush(end);
        break;
      case 10:
        if (flush(end)) {  // it would wait
          const auto shut = ends_[end]->shutdown_send();
          models_[end].shut = models_[end].shut || shut.has_value();
        }
        break;
      case 11:
        close(end);
        break;
      case 12: {  // to another object and back
        record_channel moved{std::move(*ends_[end])};
        *ends_[end] = std::move(moved);
        break;
      }
      case 13:
        send_closed(end);
        break;
      default:
        for (std::size_t count = 1 + take(8); count != 0 && receive(end); --count) {
        }
        break;
    }
  }

  std::size_t size() {
    const std::size_t some = in_.take<std::uint16_t>();
    return some % 4 == 0 ? some : some % 200;  // up to a whole packet and more
  }
  expected next(std::size_t end, std::size_t size, std::size_t descriptors) {
    return {next_byte_[end] = static_cast<char>(next_byte_[end] + 7), size, next_thing_++, descriptors};
  }
  static std::vector<borrowed_fd> files_of(const expected& one) {
    std::vector<borrowed_fd> all;
    for (std::size_t i = 0; i != one.descriptors; ++i) all.push_back(things()[one.thing + i]);
    return all;
  }
  static bool in_one_piece(const expected& one) { return one.size < 4000 && one.descriptors <= 253; }

  // --- sending ---

  // Why nothing can be sent: for lack of room, or because nobody receives it.
  void check_failure(std::size_t end, const std::error_code& code) {
    const end_model& mine = models_[end];
    const bool nobody = mine.shut || !models_[1 - end].open;
    if (nobody ? is(code, EPIPE) || is(code, ECONNRESET) || is(code, EAGAIN) : is(code, EAGAIN)) return;
    std::fprintf(stderr, "got: %s\n", code.message().c_str());
    FUZZ_CHECK(false);
  }

  void send(std::size_t end, expected one) {
    const std::string bytes = one.bytes();
    const auto sent = ends_[end]->send(bytes, files_of(one), scm::dont_wait);
    one.failed = !sent;
    if (!sent) check_failure(end, sent.error());
    if (sent || !in_one_piece(one)) models_[1 - end].coming.push_back(one);
  }

  void send_many(std::size_t end) {
    std::vector<expected> all(1 + take(9));
    std::vector<std::string> bytes;
    std::vector<std::vector<borrowed_fd>> files;
    std::vector<scm::outgoing_record> records;
    for (expected& one : all) {
      one = next(end, size(), take(6));
      bytes.push_back(one.bytes());
      files.push_back(files_of(one));
    }
    for (std::size_t i = 0; i != all.size(); ++i) records.push_back({bytes[i], files[i]});
    const auto sent = ends_[end]->send_many(records, scm::dont_wait);
    if (!sent) check_failure(end, sent.error());
    const std::size_t count = sent.value_or(0);
    FUZZ_CHECK(sent ? count != 0 && count <= all.size() : true);
    auto& coming = models_[1 - end].coming;
    coming.insert(coming.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
    if (count == all.size() || in_one_piece(all[count])) return;
    all[count].failed = true;
    coming.push_back(all[count]);
  }

  void queue(std::size_t end, const expected& one) {
    scm::descriptor_list list;
    FUZZ_CHECK(list.reserve(one.descriptors).has_value());
    for (const borrowed_fd fd : files_of(one)) FUZZ_CHECK(list.adopt(must(::dup(fd.native_handle()))));
    const scm::waiting_records before = ends_[end]->waiting();
    const auto queued = ends_[end]->queue(one.bytes(), std::move(list));
    FUZZ_CHECK(list.size() == (queued ? 0 : one.descriptors));
    if (queued) {
      models_[1 - end].coming.push_back(one);
      models_[1 - end].coming.back().late = models_[end].shut;
      return;
    }
    FUZZ_CHECK(before.bytes + one.size + 200 > bounds.queued_bytes ||
               before.descriptors + one.descriptors > bounds.queued_descriptors);
    if (queued.error() != errc::over_limit) return check_failure(end, queued.error());
    FUZZ_CHECK(one.size + 200 > bounds.queued_bytes);
  }

  bool flush(std::size_t end) {
    const auto flushed = ends_[end]->flush(scm::dont_wait);
    if (!flushed) check_failure(end, flushed.error());
    FUZZ_CHECK(flushed.has_value() == (ends_[end]->waiting().bytes == 0));
    return flushed.has_value();
  }

  void send_closed(std::size_t end) {
    const auto sent = ends_[end]->send("x", borrowed_fd{1'000'000}, scm::dont_wait);
    FUZZ_CHECK(!sent);
    if (!is(sent.error(), EBADF)) check_failure(end, sent.error());  // of what goes before it
  }

  void check_waiting(std::size_t end) {
    if (!models_[end].open) return;
    const scm::waiting_records waiting = ends_[end]->waiting();
    FUZZ_CHECK(waiting.bytes != 0 || waiting.descriptors == 0);
    FUZZ_CHECK(waiting.descriptors <= bounds.queued_descriptors);
    if (!models_[1 - end].open) return;
    std::size_t bytes = 0, descriptors = 0;
    for (const expected& one : models_[1 - end].coming) {
      bytes += one.size + 24 * (2 + one.size / 4000 + one.descriptors / 253);
      descriptors += one.descriptors;
    }
    FUZZ_CHECK(waiting.bytes <= bytes && waiting.descriptors <= descriptors);
  }

  // --- receiving ---

  // Whether there may be more.
  bool receive(std::size_t end) {
    end_model& mine = models_[end];
    const bool peer_open = models_[1 - end].open;
    const bool all_sent = peer_open ? ends_[1 - end]->flush(scm::dont_wait).has_value() : mine.lost == 0;
    const auto got = ends_[end]->try_receive();
    if (mine.broken) {
      FUZZ_CHECK(!got && got.error().code == mine.broken);
      return false;
    }
    auto& coming = mine.coming;
    if (!got && got.error() == errc::abandoned) {
      FUZZ_CHECK(!coming.empty() && coming.front().failed);
      coming.pop_front();
      return true;
    }
    // A place without word: nothing of that record was sent.
    while (!coming.empty() && coming.front().failed && (got || all_sent)) coming.pop_front();
    if (got) {
      FUZZ_CHECK(!coming.empty() && !coming.front().late);
      check(*got, coming.front());
      coming.pop_front();
      return true;
    }
    const std::error_code code = got.error().code;
    if (!peer_open && is(code, ECONNRESET)) return true;  // told once, before what is left
    if (is(code, EAGAIN)) {
      FUZZ_CHECK(peer_open && (coming.empty() || !all_sent));
      return !all_sent && !mine.coming.empty();
    }
    FUZZ_CHECK(!peer_open || models_[1 - end].shut);
    FUZZ_CHECK(code == errc::end_of_file || (!peer_open && code == errc::record_cut));
    const auto due = std::ranges::count_if(coming, [](const expected& one) { return !one.failed && !one.late; });
    FUZZ_CHECK(static_cast<std::size_t>(due) <= mine.lost);
    mine.broken = code;
    return false;
  }

  static void check(const scm::record& got, const expected& one) {
    FUZZ_CHECK(got.bytes.size() == one.size);
    const std::string bytes = one.bytes();
    FUZZ_CHECK(std::equal(got.bytes.begin(), got.bytes.end(), std::as_bytes(std::span{bytes}).begin()));
    FUZZ_CHECK(got.descriptors.size() == one.descriptors);
    for (std::size_t i = 0; i != one.descriptors; ++i) FUZZ_CHECK(things().is(one.thing + i, got.descriptors[i]));
    // Every other one stays; what is moved out is the receiver's.
    for (std::size_t i = one.size & 1; i < one.descriptors; i += 2) const owned_fd taken{std::move(got.descriptors[i])};
  }

  void close(std::size_t end) {
    end_model &mine = models_[end], &peer = models_[1 - end];
    if (ends_[end]->waiting().bytes != 0) peer.lost = peer.coming.size();
    mine.open = false;
    mine.coming.clear();
    ends_[end].reset();
  }

  fuzz::input& in_;
  std::optional<record_channel> ends_[2];
  end_model models_[2];
  char next_byte_[2]{};
  std::size_t next_thing_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const leak_check leaks;
  fuzz::input in{{bytes, size}};
  const unsigned how = in.take<std::uint8_t>();
  const bool cramped = (how & 2) != 0;
  if ((how & 1) != 0) {
    session{in, scm::seqpacket::pair().value(), cramped}.run();
  } else {
    session{in, scm::stream::pair().value(), cramped}.run();
  }
  return 0;
}
