// What brokers say to each other in a hand-over: whatever is accepted is what its own encoding gives again, byte for
// byte, so that nothing has two readings; the rest is refused.
//
// Input: how many descriptors come with the record, and the record.
#include "check.hpp"

#include "service/broker_wire.hpp"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace {

using namespace scm::hand_over;

bool same(std::span<const std::byte> record, const bytes& again) { return std::ranges::equal(record, again); }

void check_entry(std::span<const std::byte> record, std::size_t descriptors) {
  static const scm::owned_fd self{static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))};
  static const scm::owned_fd ends{::epoll_create1(EPOLL_CLOEXEC)};
  auto got = decode_entry(record, descriptors);
  if (!got) return;
  FUZZ_CHECK(descriptors >= (got->expiring ? 2 : 1));
  FUZZ_CHECK(got->with.users.size() <= 32 && got->with.groups.size() <= 32 && !got->name.name.empty());
  FUZZ_CHECK(record.size() <= record_bytes);
  scm::detail::stored_entry entry{.descriptors = std::make_shared<scm::descriptor_list>(), .group = got->group};
  if (got->expiring) {
    entry.process = scm::detail::watched_process::make(scm::duplicate(self).value(), ends, 1).value();
  }
  entry.with = std::move(got->with);
  FUZZ_CHECK(same(record, encode_entry(got->name, entry)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t descriptors = data[0];
  const auto record = std::as_bytes(std::span{data, size}).subspan(1);
  const auto what = kind_of(record);
  const bool known = size > 2 && data[1] == 1 && data[2] >= 1 && data[2] <= 5;
  FUZZ_CHECK(what.has_value() == known);
  if (!what) {
    FUZZ_CHECK(what.error() == (size > 2 && data[1] != 1 ? scm::errc::unknown_version : scm::errc::malformed));
    return 0;
  }
  if (*what == kind::offer) {
    const auto got = decode_offer(record, descriptors);
    if (!got) return 0;
    FUZZ_CHECK(descriptors == 2U + (got->path.empty() ? 0 : 1) + (got->lock ? 1 : 0));
    FUZZ_CHECK(same(record, encode_offer(got->path, got->lock)));
  }
  if (*what == kind::entry) check_entry(record, descriptors);
  if (*what == kind::end) {
    const auto got = decode_end(record, descriptors);
    FUZZ_CHECK(!got || (descriptors == 0 && same(record, encode_end(*got))));
  }
  return 0;
}
