// The walk over control data and its decoders against any bytes, at any address, in both layouts.
//
// Input: one byte (bits 0..3: the address modulo 16; bit 4: ILP32; bits 5..7: where a prefix ends,
// in eighths, or 0 for the last byte but one), then control data.
// The walk is compared with five others: the reference, the kernel's rule, glibc's (rule and macro) and musl's. Where
// one differs it does so by a difference that has a name here; anything else is a finding.
#include "check.hpp"
#include "mutate.hpp"
#include "poison.hpp"

#include <scm/core/control_items.hpp>
#include <scm/core/control_view.hpp>
#include <scm/fuzz/libc_walks.hpp>
#include <scm/fuzz/walk_models.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace {

namespace fuzz = scm::fuzz;
using fuzz::walk_step;
using scm::abi;
using scm::control_message;
using scm::parse_error;
using bytes = std::span<const std::byte>;

// Room for a copy of the input at any alignment, ending where the room ends: a sanitizer sees a read of the next byte.
// One block for all inputs, since under a sanitizer allocating one would be most of the time.
class shifted_copy {
 public:
  shifted_copy(bytes of, std::size_t shift) {
    static std::vector<std::byte> small(4096 + 32), large;
    std::vector<std::byte>* room = &small;
    if (of.size() + 32 > small.size()) {
      large.assign(of.size() + 32, std::byte{});
      room = &large;
    }
    // The last 32 bytes take up the shift; what the copy leaves of them is poisoned until it goes.
    std::byte* const begin = room->data() + (-reinterpret_cast<std::uintptr_t>(room->data()) & 15) + shift;
    if (!of.empty()) std::memcpy(begin, of.data(), of.size());
    view_ = {begin, of.size()};
    rest_ = {begin + of.size(), room->data() + room->size()};
    scm::fuzz_support::poison(rest_, true);
  }
  shifted_copy(const shifted_copy&) = delete;
  ~shifted_copy() { scm::fuzz_support::poison(rest_, false); }
  bytes view() const noexcept { return view_; }

 private:
  bytes view_;
  std::span<std::byte> rest_;
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

bool same_place(const control_message& a, const control_message& b) {
  return a.level == b.level && a.type == b.type && a.offset == b.offset && a.layout == b.layout &&
         a.payload.size() == b.payload.size();
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

// --- what others make of the same bytes ------------------------------------------------------------------------------

// Our walk in the models' terms: the header after the last message is the end, or the fault that stopped it.
walk_step step_of(const outcome& ours, std::size_t i) {
  if (i < ours.messages.size()) return {walk_step::kind::header, ours.messages[i].offset};
  if (ours.error) return {walk_step::kind::fault, ours.error->offset};
  return {walk_step::kind::end, 0};
}

std::uint64_t little(bytes data, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  std::memcpy(&value, data.subspan(at, count).data(), count);
  return value;
}

// No difference is known: it is the meaning.
void compare_with_reference(const outcome& ours, bytes data, abi layout) {
  fuzz::reference_walk reference{data, layout};
  const std::size_t word = layout == abi::lp64 ? 8 : 4;
  for (std::size_t i = 0;; ++i) {
    const walk_step step = reference.next();
    FUZZ_CHECK(step == step_of(ours, i));
    if (step.what != walk_step::kind::header) return;
    const control_message& mine = ours.messages[i];
    FUZZ_CHECK(mine.layout == layout && mine.payload.size() + word + 8 == little(data, step.offset, word));
    FUZZ_CHECK(static_cast<std::uint32_t>(mine.level) == little(data, step.offset + word, 4));
    FUZZ_CHECK(static_cast<std::uint32_t>(mine.type) == little(data, step.offset + word + 4, 4));
  }
}

// The compat layer refuses what is left behind the last message when it is too little for a header.
bool compat_refuses_a_rest(abi layout, const walk_step& kernel, const walk_step& mine, bytes data) {
  return layout == abi::ilp32 && mine.what == walk_step::kind::end && kernel.what == walk_step::kind::fault &&
         data.size() - kernel.offset < 12;
}

void compare_with_kernel(const outcome& ours, bytes data, abi layout) {
  fuzz::kernel_walk kernel{data, layout};
  for (std::size_t i = 0;; ++i) {
    const walk_step step = kernel.next(), mine = step_of(ours, i);
    FUZZ_CHECK(step == mine || compat_refuses_a_rest(layout, step, mine, data));
    if (step.what != walk_step::kind::header) return;
  }
}

// The macros hand a header out before its length is judged, and end where we name a fault.
bool macro_hands_out_a_header_unjudged(const walk_step& theirs, const walk_step& mine) {
  return mine.what == walk_step::kind::fault && theirs == walk_step{walk_step::kind::header, mine.offset};
}

void compare_with_glibc(const outcome& ours, bytes data, abi layout) {
  fuzz::glibc_walk glibc{data, layout};
  for (std::size_t i = 0;; ++i) {
    const walk_step step = glibc.next(), mine = step_of(ours, i);
    if (macro_hands_out_a_header_unjudged(step, mine)) {
      FUZZ_CHECK(glibc.next().what == walk_step::kind::end);
      return;
    }
    FUZZ_CHECK(step == mine);
    if (step.what != walk_step::kind::header) return;
  }
}

// musl reads the low half of a wide length.
bool musl_reads_half_of_the_length(bytes data, std::size_t header, abi layout) {
  return layout == abi::lp64 && little(data, header + 4, 4) != 0;
}
// musl rounds a narrow length near 2^32 to nothing.
bool musl_rounds_to_nothing(bytes data, std::size_t header, abi layout) {
  return layout == abi::ilp32 && little(data, header, 4) > 0xffffffff - 3;
}
// musl's comparison adds the header to a narrow length that is near 2^32.
bool musl_sum_wraps(bytes data, std::size_t header, abi layout) {
  return layout == abi::ilp32 && little(data, header, 4) > 0xffffffff - 3 - 12;
}
// musl ends before a header with nothing behind it.
bool musl_wants_more_than_a_header(const walk_step& musl, std::size_t next, bytes data, abi layout) {
  return musl.what == walk_step::kind::end && data.size() - next == (layout == abi::lp64 ? 16 : 12);
}

void compare_with_musl(const outcome& ours, bytes data, abi layout) {
  fuzz::musl_walk musl{data, layout};
  std::optional<std::size_t> before;  // the header that the step comes from
  for (std::size_t i = 0;; ++i) {
    const walk_step step = musl.next(), mine = step_of(ours, i);
    if (step != mine) {
      if (macro_hands_out_a_header_unjudged(step, mine)) {
        // What comes next is decided by the length that we refuse.
        const walk_step next = musl.next();
        FUZZ_CHECK(next.what == walk_step::kind::end || musl_reads_half_of_the_length(data, mine.offset, layout) ||
                   musl_rounds_to_nothing(data, mine.offset, layout) || musl_sum_wraps(data, mine.offset, layout));
        return;
      }
      FUZZ_CHECK(before && mine.what != walk_step::kind::end &&
                 musl_wants_more_than_a_header(step, mine.offset, data, layout));
      return;
    }
    if (step.what != walk_step::kind::header) return;
    before = step.offset;
  }
}

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 36)
// The model is the macro.
void compare_model_with_macro(bytes data) {
  msghdr message{};
  message.msg_control = const_cast<std::byte*>(data.data());
  message.msg_controllen = data.size();
  fuzz::glibc_walk model{data, abi::native};
  cmsghdr* at = CMSG_FIRSTHDR(&message);
  for (; at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    const auto offset = static_cast<std::size_t>(reinterpret_cast<std::byte*>(at) - data.data());
    FUZZ_CHECK((model.next() == walk_step{walk_step::kind::header, offset}));
    FUZZ_CHECK(CMSG_DATA(at) - reinterpret_cast<unsigned char*>(at) == CMSG_LEN(0));
  }
  FUZZ_CHECK(model.next().what == walk_step::kind::end);
}
#else
void compare_model_with_macro(bytes) {}  // glibc before 2.36 reads past the end
#endif

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = input[0];
  const bytes control = std::as_bytes(std::span{input, size}).subspan(1);
  const abi layout = (choice & 16) != 0 ? abi::ilp32 : abi::lp64;
  const std::size_t shift = choice & 15;

  const shifted_copy copy{control, shift};
  const bytes data = copy.view();
  static outcome storage;
  const outcome& seen = walk(data, layout, storage);
  check_bounds(seen, data);
  for (const control_message& message : seen.messages) decode(message);
  const std::size_t eighths = choice >> 5;
  check_prefix(seen, data.first(eighths == 0 ? data.size() - (data.empty() ? 0 : 1) : data.size() * eighths / 8),
               layout);

  compare_with_reference(seen, data, layout);
  compare_with_kernel(seen, data, layout);
  compare_with_glibc(seen, data, layout);
  compare_with_musl(seen, data, layout);
  if (layout == abi::native && shift % alignof(cmsghdr) == 0) compare_model_with_macro(data);
  return 0;
}

SCM_FUZZ_MUTATES_CONTROL_DATA(1, (data[0] & 16) != 0 ? abi::ilp32 : abi::lp64)
