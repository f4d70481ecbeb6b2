// Packets of records, right and wrong, however a stream cuts them: the same records and the same verdict for every cut,
// and those that a reference finds, which sees everything at once and shares no code with the decoder.
//
// Input: record_input.hpp.
#include "check.hpp"
#include "mutate.hpp"
#include "poison.hpp"
#include "record_input.hpp"

#include <scm/frame/record_decoder.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace scm::fuzz_support;
using scm::errc;
using scm::record_bounds;
using scm::socket_type;

constexpr std::array<record_bounds, 4> all_bounds{
    {{1 << 20, 10000, 0, 0}, {40, 3, 0, 0}, {0, 0, 0, 0}, {70000, 253, 0, 0}}};

// One message of the peer, filling included.
struct sent {
  std::string bytes;
  std::size_t descriptors;
};

struct some_record {
  std::string bytes;
  std::size_t descriptors = 0;
  bool abandoned = false;
  friend bool operator==(const some_record&, const some_record&) = default;
};
struct outcome {
  std::vector<some_record> records{};
  std::error_code end{};
  std::uint64_t position = 0;
  friend bool operator==(const outcome&, const outcome&) = default;
};

// --- what docs/wire.md says, with all of the bytes at hand
// ------------------------------------------------------------

class reference {
 public:
  reference(const std::vector<sent>& messages, const record_bounds& allowed, socket_type type)
      : messages_{messages}, allowed_{allowed}, type_{type} {}

  const outcome& decode() {
    if (type_ == socket_type::seqpacket) {
      for (const sent& one : messages_) {
        if (const auto fault = message(one)) return ended(*fault);
      }
      return ended(end_of_input());
    }
    std::size_t total = 0;
    for (const sent& one : messages_) {
      begins_.push_back({total, one.bytes.size(), one.descriptors});
      all_ += one.bytes;
      total += one.bytes.size();
    }
    while (at_ != all_.size()) {
      std::size_t came = 0;
      for (const begin& one : begins_) came += one.at == at_ ? one.descriptors : 0;
      if (const auto fault = packet(came)) return ended(*fault);
    }
    return ended(end_of_input());
  }

  // A receive tells its descriptors, not at which of its bytes they came. Those of a message that begins within a
  // packet, or goes on behind the one that it begins, are counted for one packet or for another, as the cut has it. No
  // sender of ours does either, and whoever does harms itself alone: such a packet is refused or has what came.
  [[nodiscard]] bool depends_on_the_cut() const { return depends_on_the_cut_; }

 private:
  struct begin {
    std::size_t at, size, descriptors;
  };

  const outcome& ended(errc why) {
    made_.end = why;
    made_.position = at_;
    return made_;
  }
  [[nodiscard]] errc end_of_input() const { return unfinished_ ? errc::record_cut : errc::end_of_file; }

  [[nodiscard]] std::uint64_t little(std::size_t at, std::size_t size) const {
    std::uint64_t value = 0;
    while (size-- != 0) value = value << 8 | static_cast<unsigned char>(all_[at + size]);
    return value;
  }

  std::optional<errc> message(const sent& one) {
    if (one.bytes.empty()) return one.descriptors != 0 ? errc::descriptors_surplus : errc::malformed;
    all_ += one.bytes;
    if (one.bytes.size() < 16) return errc::malformed;
    return packet(one.descriptors);
  }

  [[nodiscard]] bool descriptors_within(std::size_t size) const {
    return std::ranges::any_of(
        begins_, [&](const begin& one) { return one.descriptors != 0 && one.at > at_ && one.at < at_ + size; });
  }
  [[nodiscard]] bool descriptors_go_beyond(std::size_t size) const {
    return std::ranges::any_of(
        begins_, [&](const begin& one) { return one.descriptors != 0 && one.at == at_ && one.size > size; });
  }

  std::optional<errc> packet(std::size_t came) {
    const std::size_t left = all_.size() - at_;
    depends_on_the_cut_ = descriptors_within(16);
    if (depends_on_the_cut_ || left < 16) return errc::record_cut;
    if (little(at_, 1) != 1) return errc::unknown_version;
    const auto size = static_cast<std::size_t>(little(at_ + 4, 4));
    const std::uint64_t count = little(at_ + 2, 2);
    if (little(at_ + 1, 1) != 0 || size < 24 || size > 65536 || count > 253) return errc::malformed;
    if (type_ == socket_type::seqpacket && size != left) return errc::malformed;
    if (little(at_ + 8, 8) != number_++) return errc::out_of_sequence;
    depends_on_the_cut_ = descriptors_within(size) || descriptors_go_beyond(size);
    if (depends_on_the_cut_) return errc::record_cut;
    if (came != count) return came < count ? errc::descriptors_missing : errc::descriptors_surplus;
    if (left < size) return errc::record_cut;
    return pieces(at_ + 16, at_ + size, count);
  }

  // All of them are looked at before any is a record.
  std::optional<errc> pieces(std::size_t at, std::size_t end, std::uint64_t count) {
    std::vector<some_record> whole;
    std::optional<some_record> part = unfinished_;
    std::uint64_t sum = 0;
    while (at != end) {
      if (end - at < 8) return errc::malformed;
      const auto size = static_cast<std::size_t>(little(at, 4));
      const auto descriptors = static_cast<std::size_t>(little(at + 4, 2));
      const std::uint64_t flags = little(at + 6, 1);
      if (little(at + 7, 1) != 0 || flags > 2 || size > end - at - 8) return errc::malformed;
      const bool empty = size == 0 && descriptors == 0;
      if (flags == 1 && (empty || at + 8 + size != end)) return errc::malformed;
      if (flags == 2 && (!empty || !part)) return errc::malformed;
      if (!part) part.emplace();
      part->bytes.append(all_, at + 8, size);
      part->descriptors += descriptors;
      sum += descriptors;
      if (part->bytes.size() > allowed_.record_bytes || part->descriptors > allowed_.record_descriptors) {
        return errc::over_limit;
      }
      if (flags == 2) *part = {{}, part->descriptors, true};
      if (flags != 1) whole.push_back(*std::exchange(part, std::nullopt));
      at += 8 + size;
    }
    if (sum != count) return errc::malformed;
    made_.records.insert(made_.records.end(), whole.begin(), whole.end());
    unfinished_ = std::move(part);
    at_ = end;
    return {};
  }

  const std::vector<sent>& messages_;
  record_bounds allowed_;
  socket_type type_;
  std::string all_;
  std::vector<begin> begins_;  // of messages, on a stream
  std::size_t at_ = 0;
  std::uint64_t number_ = 0;
  std::optional<some_record> unfinished_;
  bool depends_on_the_cut_ = false;
  outcome made_;
};

// --- what the decoder makes of it
// -------------------------------------------------------------------------------------

// What a socket delivers, receive by receive (kernel facts C1, C2): descriptors come with their message's first byte,
// and the receive ends with the message then; without, it goes on with the next.
class delivery {
 public:
  delivery(const std::vector<sent>& messages, socket_type type) : left_{messages}, type_{type} {}

  [[nodiscard]] bool ended() const { return left_.empty(); }
  sent receive(std::size_t room) {
    sent got{{}, 0};
    while (!left_.empty()) {
      const sent& front = left_.front();
      const std::size_t some = std::min(room - got.bytes.size(), front.bytes.size() - taken_);
      got.bytes.append(front.bytes, taken_, some);
      if (taken_ == 0) got.descriptors += front.descriptors;
      taken_ += some;
      if (taken_ != front.bytes.size()) break;
      left_ = left_.subspan(1);
      taken_ = 0;
      if (type_ == socket_type::seqpacket || got.descriptors != 0 || got.bytes.size() == room) break;
    }
    return got;
  }

 private:
  std::span<const sent> left_;
  std::size_t taken_ = 0;  // of the first of them
  socket_type type_;
};

class decoding {
 public:
  decoding(const record_bounds& allowed, socket_type type)
      : allowed_{allowed}, decoder_{scm::record_decoder::make(type, allowed).value()} {}
  decoding(const decoding&) = delete;
  ~decoding() { poison(unused_, false); }

  // Sizes of receives, one after the other, and from the first on again.
  const outcome& run(delivery from, std::span<const std::size_t> cuts) {
    for (std::size_t i = 0; !from.ended(); ++i) {
      poison(unused_, false);
      const auto room = decoder_.room();
      FUZZ_CHECK(room.size() >= 65536);
      const sent got = from.receive(std::min(room.size(), cuts[i % cuts.size()]));
      std::memcpy(room.data(), got.bytes.data(), got.bytes.size());
      unused_ = room.subspan(got.bytes.size());
      poison(unused_, true);
      decoder_.commit(got.bytes.size(), got.descriptors);
      came_ += got.descriptors;
      if (!drain()) return made_;
    }
    ended(decoder_.end());
    return made_;
  }

 private:
  void ended(const scm::record_error& why) {
    made_.end = why.code;
    made_.position = why.position;
  }

  bool drain() {
    for (;;) {
      const auto found = decoder_.next();
      if (!found && found.error() == errc::abandoned) {
        made_.records.push_back({{}, decoder_.dropped(), true});
      } else if (!found) {
        const auto again = decoder_.next();
        FUZZ_CHECK(!again && again.error().code == found.error().code);  // for good
        FUZZ_CHECK(decoder_.end().code == found.error().code);
        ended(found.error());
        return false;
      } else if (!*found) {
        return true;
      } else {
        const auto& one = **found;
        FUZZ_CHECK(one.bytes.size() <= allowed_.record_bytes && one.descriptors <= allowed_.record_descriptors);
        made_.records.push_back(
            {{reinterpret_cast<const char*>(one.bytes.data()), one.bytes.size()}, one.descriptors, false});
      }
      came_ -= made_.records.back().descriptors;
      FUZZ_CHECK(came_ >= 0);  // none is given twice
    }
  }

  record_bounds allowed_;
  scm::record_decoder decoder_;
  std::span<const std::byte> unused_;
  std::ptrdiff_t came_ = 0;
  outcome made_;
};

// Both, said before the process ends.
void check_same(const outcome& got, const outcome& expected) {
  if (got == expected) return;
  for (const outcome* one : {&got, &expected}) {
    std::fprintf(stderr, "%s %zu records, then %s at %llu\n", one == &got ? "got" : "expected", one->records.size(),
                 one->end.message().c_str(), static_cast<unsigned long long>(one->position));
  }
  FUZZ_CHECK(got == expected);
}

std::size_t cut_of(std::uint8_t byte) { return byte < 128 ? byte + std::size_t{1} : (byte - std::size_t{127}) * 512; }

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed) {
  if (size < record_input_prefix || seed % 4 == 0) return LLVMFuzzerMutate(data, size, max);
  auto messages = read_messages({data + record_input_prefix, size - record_input_prefix});
  record_mutator{seed}.mutate(messages);
  const auto bytes = written(messages);
  if (bytes.size() > max - record_input_prefix) return size;
  std::copy(bytes.begin(), bytes.end(), data + record_input_prefix);
  return record_input_prefix + bytes.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size < record_input_prefix) return 0;
  const socket_type type = (input[0] & 1) != 0 ? socket_type::seqpacket : socket_type::stream;
  const record_bounds& allowed = all_bounds[input[0] >> 1 & 3];
  std::vector<sent> messages;
  std::size_t total = 0;
  for (const peer_message& one : read_messages({input + record_input_prefix, size - record_input_prefix})) {
    std::string bytes(one.bytes.begin(), one.bytes.end());
    bytes.append(std::size_t{one.filling} * 257, '\0');
    if (type == socket_type::seqpacket && bytes.size() > 65536) bytes.resize(65536);  // what the room would cut
    if (type == socket_type::stream && bytes.empty()) continue;  // the kernel drops it, with its descriptors (C4)
    total += bytes.size();
    messages.push_back({std::move(bytes), std::min<std::size_t>(one.descriptors, 253)});
  }

  reference wanted{messages, allowed, type};
  const outcome& expected = wanted.decode();
  std::vector<std::vector<std::size_t>> plans{{SIZE_MAX}};
  if (type == socket_type::stream) {
    plans.push_back({cut_of(input[1]), cut_of(input[2]), cut_of(input[3]), cut_of(input[4])});
    if (total < 400) plans.push_back({1});
  }
  for (const auto& plan : plans) {
    decoding ours{allowed, type};
    const outcome& got = ours.run({messages, type}, plan);
    if (!wanted.depends_on_the_cut()) {
      check_same(got, expected);
      continue;
    }
    // Up to there all is the same, and behind it nothing worse than another packet's refusal happens.
    FUZZ_CHECK(got.records.size() >= expected.records.size() && got.position >= expected.position);
    FUZZ_CHECK(std::equal(expected.records.begin(), expected.records.end(), got.records.begin()));
  }
  return 0;
}
