// The walk over control data and its decoders against any bytes, at any address, in both layouts.
//
// Input: one byte (bits 0..3: the address modulo 16; bit 4: ILP32; bits 5..7: where a prefix ends), then control data.
#include "check.hpp"

#include <scm/core/control_items.hpp>
#include <scm/core/control_view.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace {

using scm::abi;
using scm::control_message;
using scm::parse_error;
using bytes = std::span<const std::byte>;

// A copy in a block that begins `shift` bytes before it and ends where it ends: a sanitizer sees a read of the next.
class shifted_copy {
 public:
  shifted_copy(bytes of, std::size_t shift)
      : block_{new std::byte[shift + of.size()]}, view_{block_.get() + shift, of.size()} {
    if (!of.empty()) std::memcpy(block_.get() + shift, of.data(), of.size());
  }
  bytes view() const noexcept { return view_; }

 private:
  std::unique_ptr<std::byte[]> block_;
  bytes view_;
};

struct outcome {
  std::vector<control_message> messages;
  std::optional<parse_error> error;
};

// Into storage that is used again for each input: allocating would be most of the time.
const outcome& walk(bytes data, abi layout, outcome& seen) {
  seen.messages.clear();
  scm::control_view view{data, layout};
  while (const auto message = view.next()) {
    seen.messages.push_back(*message);
    FUZZ_CHECK(seen.messages.size() <= data.size() / 12);  // else the walk does not make progress
  }
  seen.error = view.error();
  FUZZ_CHECK(!view.next() && view.error() == seen.error);
  return seen;
}

// The rule by which the kernel takes control data (net/core/scm.c), byte by byte and without the library's arithmetic.
class model {
 public:
  model(bytes data, abi layout) : data_{data}, wide_{layout == abi::lp64} {}

  // Offsets of the headers that are handed out, and how it ends.
  const outcome& run(outcome& expected) const {
    expected.messages.clear();
    expected.error.reset();
    const std::size_t header = wide_ ? 16 : 12;
    std::size_t at = 0;
    while (at + header <= data_.size()) {
      const std::uint64_t length = little(at, wide_ ? 8 : 4);
      const std::size_t room = data_.size() - at;
      if (length < header) {
        expected.error = parse_error{parse_error::fault::length_below_header, at};
        break;
      }
      if (length > room) {
        expected.error = parse_error{parse_error::fault::length_past_end, at};
        break;
      }
      const std::size_t field = at + (wide_ ? 8 : 4);
      const auto whole = static_cast<std::size_t>(length);
      expected.messages.push_back({static_cast<std::int32_t>(little(field, 4)),
                                   static_cast<std::int32_t>(little(field + 4, 4)),
                                   data_.subspan(at + header, whole - header), at, wide_ ? abi::lp64 : abi::ilp32});
      at += whole;
      while (at % (wide_ ? 8 : 4) != 0) ++at;
    }
    return expected;
  }

 private:
  std::uint64_t little(std::size_t at, int count) const {
    std::uint64_t value = 0;
    for (int i = count; i-- != 0;)
      value = value << 8 | std::to_integer<std::uint64_t>(data_[at + static_cast<unsigned>(i)]);
    return value;
  }

  bytes data_;
  bool wide_;
};
static_assert(std::endian::native == std::endian::little, "the model reads little-endian");

bool same_place(const control_message& a, const control_message& b) {
  return a.level == b.level && a.type == b.type && a.offset == b.offset && a.layout == b.layout &&
         a.payload.size() == b.payload.size();
}
bool same_bytes(bytes a, bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}
bool same_messages(const outcome& a, const outcome& b) {
  return a.error == b.error && std::ranges::equal(a.messages, b.messages, [](const auto& x, const auto& y) {
           return same_place(x, y) && same_bytes(x.payload, y.payload);
         });
}

void check_bounds(const outcome& seen, bytes data) {
  std::size_t free_from = 0;
  for (const control_message& message : seen.messages) {
    const std::size_t header = message.layout == abi::lp64 ? 16 : 12;
    FUZZ_CHECK(message.offset >= free_from);
    FUZZ_CHECK(message.offset % (message.layout == abi::lp64 ? 8 : 4) == 0);
    FUZZ_CHECK(message.payload.data() == data.data() + message.offset + header);
    FUZZ_CHECK(message.payload.size() <= data.size() - message.offset - header);
    free_from = message.offset + header + message.payload.size();
  }
  if (seen.error) {
    FUZZ_CHECK(seen.error->offset >= free_from && seen.error->offset < data.size());
    FUZZ_CHECK(seen.error->code() == scm::errc::malformed);
  }
}

// What a shorter control buffer holds is the beginning of what the longer one holds.
void check_prefix(const outcome& whole, bytes prefix, abi layout) {
  static outcome storage;
  const outcome& part = walk(prefix, layout, storage);
  std::size_t inside = 0;
  for (const control_message& message : whole.messages) {
    const std::size_t header = layout == abi::lp64 ? 16 : 12;
    if (message.offset + header + message.payload.size() > prefix.size()) break;
    ++inside;
  }
  FUZZ_CHECK(part.messages.size() == inside);
  for (std::size_t i = 0; i != inside; ++i) FUZZ_CHECK(same_place(part.messages[i], whole.messages[i]));
}

void decode(const control_message& message) {
  const std::size_t size = message.payload.size();
  const auto rights = scm::as_rights(message);
  FUZZ_CHECK(rights.size() == size / 4);
  if (rights.size() != 0) {
    const std::size_t last = rights.size() - 1;
    const std::int32_t slot = rights[last];
    FUZZ_CHECK(std::memcmp(&slot, message.payload.data() + last * 4, 4) == 0);
  }

  const auto at_fault = [&](const auto& answer) { return !answer && answer.error().offset == message.offset; };
  const auto credentials = scm::as_credentials(message);
  FUZZ_CHECK(size == 12 ? credentials.has_value() : at_fault(credentials));
  const auto pidfd = scm::as_pidfd(message);
  FUZZ_CHECK(size == 4 ? pidfd.has_value() && *pidfd == rights[0] : at_fault(pidfd));
  const auto queued = scm::as_queued_bytes(message);
  FUZZ_CHECK(size == 4 && rights[0] >= 0 ? queued.has_value() : at_fault(queued));
  const auto label = scm::as_label(message);
  FUZZ_CHECK(label.size() <= size && size - label.size() <= 1);
  const auto time = scm::as_timestamp(message);
  if (size != 8 && size != 16) FUZZ_CHECK(at_fault(time));
  if (!time) FUZZ_CHECK(at_fault(time));

  const auto kind = scm::kind_of(message);
  if (message.level != SOL_SOCKET) FUZZ_CHECK(kind == scm::control_kind::unknown);
}

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 36)

// Where glibc's macros and the walk differ, by name. Both look at the same headers in the same order; CMSG_FIRSTHDR and
// CMSG_NXTHDR hand a header out as soon as it is wholly inside, and judge its length only when asked for the one after.
bool glibc_hands_out_a_header_before_its_length_is_judged(const outcome& ours, std::size_t headers) {
  return ours.error.has_value() && headers == ours.messages.size() + 1;
}

void compare_with_glibc(const outcome& ours, bytes data) {
  const shifted_copy aligned{data, 0};  // the macros need cmsghdr's alignment
  msghdr message{};
  message.msg_control = const_cast<std::byte*>(aligned.view().data());
  message.msg_controllen = data.size();

  std::size_t headers = 0;
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    const auto offset = static_cast<std::size_t>(reinterpret_cast<std::byte*>(at) - aligned.view().data());
    if (headers == ours.messages.size()) {
      ++headers;
      FUZZ_CHECK(glibc_hands_out_a_header_before_its_length_is_judged(ours, headers));
      FUZZ_CHECK(offset == ours.error->offset);
      continue;  // it must not find another one after that
    }
    FUZZ_CHECK(headers < ours.messages.size());
    const control_message& mine = ours.messages[headers];
    FUZZ_CHECK(offset == mine.offset && at->cmsg_level == mine.level && at->cmsg_type == mine.type);
    FUZZ_CHECK(at->cmsg_len == CMSG_LEN(mine.payload.size()));
    FUZZ_CHECK(CMSG_DATA(at) - reinterpret_cast<unsigned char*>(at) == CMSG_LEN(0));
    ++headers;
  }
  FUZZ_CHECK(headers == ours.messages.size() || glibc_hands_out_a_header_before_its_length_is_judged(ours, headers));
}

#else
// musl refuses a header that ends exactly at the end of the data, and glibc before 2.36 reads past it: no oracle there.
void compare_with_glibc(const outcome&, bytes) {}
#endif

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = input[0];
  const bytes control = std::as_bytes(std::span{input, size}).subspan(1);
  const abi layout = (choice & 16) != 0 ? abi::ilp32 : abi::lp64;

  const shifted_copy copy{control, choice & 15};
  static outcome storage, other;
  const outcome& seen = walk(copy.view(), layout, storage);
  check_bounds(seen, copy.view());
  FUZZ_CHECK(same_messages(seen, model{copy.view(), layout}.run(other)));
  FUZZ_CHECK(same_messages(seen, walk(control, layout, other)));  // another address, another alignment
  for (const control_message& message : seen.messages) decode(message);

  if (!control.empty()) check_prefix(seen, copy.view().first(control.size() - 1), layout);
  check_prefix(seen, copy.view().first(control.size() * (choice >> 5) / 8), layout);
  if (layout == abi::native) compare_with_glibc(seen, copy.view());
  return 0;
}
