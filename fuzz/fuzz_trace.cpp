// Which send a received message was sent by, against queues that are simulated: what a tracer claims to be certain is
// true, whatever is read and written behind its back; no message is received twice; what is remembered is bounded.
//
// Input: events of two bytes. The first: bits 0 to 2 what happens, bits 3 and 4 on which pair of sockets, bits 5 to 7
// details; the second: bits 0 to 3 which files, bits 4 to 6 the bytes, bit 7 more details. See `world`.
#include "check.hpp"
#include "service/tracer_pairs.hpp"

#include <scm/fuzz/input.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace scm;
using detail::message_pairs;
using detail::receipt;

struct queued {
  std::uint64_t number;  // 0: of write(2)
  std::vector<int> files;
  std::string bytes;
};

class world {
 public:
  void run(fuzz::input in) {
    while (!in.empty()) {
      const auto what = in.take<std::uint8_t>(), details = in.take<std::uint8_t>();
      step(what & 7U, (what >> 3) & 3U, what >> 5, details);
      FUZZ_CHECK(pairs_.size() <= message_pairs::most_messages + message_pairs::most_plain);
    }
    // What is left on its way in truth is not said to have been received.
    std::set<std::uint64_t> unreceived;
    for (const auto& one : pairs_.unreceived()) unreceived.insert(one.number);
    if (guessed_ || pairs_.forgotten() != 0) return;  // a guess may have taken another in its place
    for (const auto& queue : queues_) {
      for (const auto& one : queue) FUZZ_CHECK(one.number == 0 || one.files.empty() || unreceived.contains(one.number));
    }
  }

 private:
  static int type_of(unsigned pair) {
    return pair == 0 ? SOCK_STREAM : pair == 1 ? SOCK_SEQPACKET : pair == 2 ? SOCK_DGRAM : SOCK_STREAM;
  }

  // The first two pairs were made, the last is a connection that may not be accepted yet, or whose sender is gone.
  static detail::message_end end(unsigned pair, bool sending, bool knows_other) {
    detail::message_end out;
    out.socket.family = AF_UNIX;
    out.socket.type = type_of(pair);
    out.socket.inode = 2 * pair + (sending ? 10U : 11U);
    if (knows_other) out.socket.peer_inode = 2 * pair + (sending ? 11U : 10U);
    const auto name = address::abstract("listener").value();
    (sending ? out.socket.peer : out.socket.local) = name;
    out.socket.peer_process = 7;
    return out;
  }
  static traced_descriptor file(int which) {
    traced_descriptor one;
    one.number = which;
    one.what.emplace();
    one.what->identity.inode = static_cast<std::uint64_t>(which);
    return one;
  }
  static std::vector<std::byte> beginning(const std::string& text) {
    const auto bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(bytes.size(), 2))};
  }

  void step(unsigned what, unsigned pair, unsigned how, std::uint8_t details) {
    auto& queue = queues_[pair];
    std::vector<int> files;
    for (int i = 0; i != (details & 3); ++i) files.push_back(1 + (((details >> 2) & 3) + i) % 3);
    const std::string bytes(1 + ((details >> 4) & 1U), (details & 0x20U) != 0 ? 'a' : 'b');
    switch (what) {
      case 0:
      case 1: {  // sendmsg(2), which fails or not
        detail::sent_message sent;
        sent.number = ++number_;
        sent.process = 7;
        sent.from = end(pair, true, (how & 1U) != 0 || type_of(pair) == SOCK_DGRAM);
        sent.bytes = bytes.size();
        sent.payload = beginning(bytes);
        for (const int one : files) sent.descriptors.push_back(file(one));
        pairs_.sent(std::move(sent));
        const bool passes = (how & 6U) != 6;
        if (passes) queue.push_back({number_, files, bytes});
        if (passes && (how & 2U) != 0) {
          unfinished_.push_back(number_);
        } else {
          pairs_.ended(number_, passes);
        }
        return;
      }
      case 2:
        if (unfinished_.empty()) return;
        pairs_.ended(unfinished_.front(), true);
        unfinished_.pop_front();
        return;
      case 3:  // write(2)
        queue.push_back({0, {}, bytes});
        return;
      case 4:  // read(2)
        if (!queue.empty()) queue.pop_front();
        return;
      default:
        receive(pair, what == 7, how, details);
    }
  }

  // A stream gives bytes up to the end of the first send that has descriptors (kernel fact C).
  void receive(unsigned pair, bool peek, unsigned how, std::uint8_t details) {
    auto& queue = queues_[pair];
    if (queue.empty()) return;
    const bool stream = type_of(pair) == SOCK_STREAM;
    queued got = queue.front();
    std::size_t taken = 1;
    while (stream && got.files.empty() && taken != queue.size()) {
      const auto& next = queue[taken++];
      got.bytes += next.bytes;
      got.files = next.files;
      got.number = next.files.empty() ? 0 : next.number;
    }
    if (!peek) queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(taken));
    traced_message message;
    message.number = ++number_;
    receipt receipt{.at = end(pair, false, (how & 1U) != 0 || type_of(pair) == SOCK_DGRAM), .peeked = peek};
    const std::size_t room = details & 3U;
    for (const int one : got.files) {
      if (message.descriptors.size() == room) break;
      message.descriptors.push_back(file(one));
    }
    receipt.control_cut = message.descriptors.size() < got.files.size() || (details & 0x80U) != 0;
    receipt.asks_for_more = (details & 0x80U) != 0;  // credentials that had no room either
    if (!stream && (how & 2U) != 0) {
      receipt.payload_cut = got.bytes.size() > 1;
      got.bytes.resize(1);
    }
    message.bytes = got.bytes.size();
    message.payload = beginning(got.bytes);
    pairs_.received(message, receipt);
    if (!message.origin) return;
    guessed_ = guessed_ || !message.origin->certain;
    if (pairs_.forgotten() == 0 && message.origin->certain) {
      FUZZ_CHECK(message.origin->number == got.number);
      FUZZ_CHECK(message.descriptors.size() + message.lost.size() == got.files.size());
    }
    if (!peek) FUZZ_CHECK(received_.insert(message.origin->number).second);
    FUZZ_CHECK(received_.size() <= number_);
  }

  message_pairs pairs_;
  std::array<std::deque<queued>, 4> queues_;
  std::deque<std::uint64_t> unfinished_;
  std::set<std::uint64_t> received_;
  std::uint64_t number_ = 0;
  bool guessed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  world{}.run(fuzz::input{{data, size}});
  return 0;
}
