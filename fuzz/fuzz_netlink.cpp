// Netlink: the walks find the messages and attributes that the kernel's own macros find, in a reader that shares no
// code with them; what is decoded of an acknowledgement and of a Unix socket is what that reader decodes; all of it
// lies inside the datagram, wherever that lies in memory.
//
// Input: a datagram.
#include "check.hpp"

#include <scm/netlink.hpp>

#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using bytes = std::span<const std::byte>;

// --- the second reader: the macros of <linux/netlink.h> and <linux/rtnetlink.h>, on a copy that is aligned
// -------------

struct part {
  unsigned type;
  std::size_t at;    // where its payload begins
  std::size_t size;  // of its payload
  nlmsghdr header{};
};

struct parts {
  std::vector<part> all;
  bool whole = true;  // no fault: what is left is less than a header
};

class aligned {
 public:
  explicit aligned(bytes from) : copy_{from.begin(), from.end()}, size_{static_cast<int>(from.size())} {}

  // The macro holds a __u32 against an int, which it has seen not to be negative.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
  parts messages() {
    parts out;
    int left = size_;
    auto* at = reinterpret_cast<nlmsghdr*>(copy_.data());
    for (; NLMSG_OK(at, left); at = NLMSG_NEXT(at, left)) {
      out.all.push_back({at->nlmsg_type, offset(NLMSG_DATA(at)), NLMSG_PAYLOAD(at, 0), *at});
    }
    out.whole = left < NLMSG_HDRLEN;
    return out;
  }
#pragma GCC diagnostic pop

  // rtattr is nlattr under an older name. Nothing when the fixed part is not there.
  std::optional<parts> attributes(std::size_t skipped) {
    if (skipped > static_cast<std::size_t>(size_)) return {};
    parts out;
    const int start = static_cast<int>(RTA_ALIGN(skipped));
    int left = size_ - start;
    auto* at = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(copy_.data()) + start);
    for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
      out.all.push_back({at->rta_type, offset(RTA_DATA(at)), RTA_PAYLOAD(at)});
    }
    out.whole = left < static_cast<int>(sizeof(rtattr));
    return out;
  }

 private:
  std::size_t offset(const void* at) const {
    return static_cast<std::size_t>(static_cast<const char*>(at) - reinterpret_cast<const char*>(copy_.data()));
  }

  std::vector<std::byte> copy_;  // what new hands out is aligned for all
  int size_;
};

template <class Number>
Number number(bytes from, std::size_t at = 0) {
  Number value;
  std::memcpy(&value, from.data() + at, sizeof value);
  return value;
}

bool inside(bytes inner, bytes outer) {
  return inner.empty() || (inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size());
}

// --- what must hold
// ----------------------------------------------------------------------------------------------------

void check_attributes(bytes payload, std::size_t skipped, int depth) {
  scm::netlink_attribute_walk walk{payload, skipped};
  const auto wanted = aligned{payload}.attributes(skipped);
  if (!wanted) {
    FUZZ_CHECK(!walk.next());
    FUZZ_CHECK(walk.error());
    return;
  }
  for (const part& one : wanted->all) {
    const auto got = walk.next();
    FUZZ_CHECK(got);
    FUZZ_CHECK(got->type == (one.type & 0x3fff));
    FUZZ_CHECK(got->nested == ((one.type & 0x8000) != 0));
    FUZZ_CHECK(got->big_endian == ((one.type & 0x4000) != 0));
    FUZZ_CHECK(got->payload.size() == one.size);
    FUZZ_CHECK(inside(got->payload, payload));
    if (one.size != 0) FUZZ_CHECK(got->payload.data() == payload.data() + one.at);
    const std::string_view text = got->text();
    FUZZ_CHECK(text.size() <= one.size && text.find('\0') == text.npos);
    FUZZ_CHECK(got->number<std::uint32_t>().has_value() == (one.size == 4));
    if (depth != 0) check_attributes(got->payload, 0, depth - 1);
  }
  FUZZ_CHECK(!walk.next());
  FUZZ_CHECK(walk.error().has_value() == !wanted->whole);
  FUZZ_CHECK(!walk.next());
}

void check_acknowledgement(const scm::netlink_message& message) {
  const bytes payload = message.payload;
  const auto said = scm::decode_acknowledgement(message);
  const bool done = message.type == NLMSG_DONE;
  if (payload.size() < 4) {
    FUZZ_CHECK(said.has_value() == done);
    return;
  }
  const auto value = number<std::int32_t>(payload);
  bool right = value >= -4095 && (done || value <= 0);
  std::optional<parts> attributes{parts{}};
  if (right && (message.flags & NLM_F_ACK_TLVS) != 0) {
    std::uint64_t fixed = 4;
    if (!done) {
      right = payload.size() >= sizeof(nlmsgerr);
      fixed = sizeof(nlmsgerr);
      if (right && (message.flags & NLM_F_CAPPED) == 0) {
        fixed = std::uint64_t{4} + number<std::uint32_t>(payload, 4);
        right = fixed >= sizeof(nlmsgerr) && fixed <= payload.size();
      }
    }
    if (right) attributes = aligned{payload}.attributes(static_cast<std::size_t>(fixed));
    right = right && attributes && attributes->whole;
  }
  FUZZ_CHECK(said.has_value() == right);
  if (!said) return;
  FUZZ_CHECK(said->error == (value < 0 ? -value : 0));
  FUZZ_CHECK(inside(std::as_bytes(std::span{said->text}), payload));
  FUZZ_CHECK(inside(said->cookie, payload));
  bool told = false;
  std::uint32_t offset = 0;
  for (const part& one : attributes->all) {
    if ((one.type & 0x3fff) != NLMSGERR_ATTR_OFFS) continue;
    told = one.size == 4;
    if (told) offset = number<std::uint32_t>(payload, one.at);
  }
  FUZZ_CHECK(said->offset.has_value() == told);
  if (told) FUZZ_CHECK(*said->offset == offset);
  if (said->error == 0) return;
  const scm::netlink_error error{*said};
  for (const char c : error.text()) FUZZ_CHECK(c >= ' ' && c <= '~');
}

void check_socket(const scm::netlink_message& message) {
  const bytes payload = message.payload;
  const auto got = scm::decode_unix_socket(message);
  bool right = payload.size() >= sizeof(unix_diag_msg) && payload[0] == std::byte{AF_UNIX};
  std::optional<parts> attributes;
  if (right) attributes = aligned{payload}.attributes(sizeof(unix_diag_msg));
  right = right && attributes->whole;
  std::optional<std::uint32_t> peer;
  std::size_t pending = 0;
  std::optional<std::string> name;
  if (right) {
    for (const part& one : attributes->all) {
      switch (one.type & 0x3fff) {
        case UNIX_DIAG_NAME:
          name.emplace(reinterpret_cast<const char*>(payload.data()) + one.at, one.size);
          // A path is cut at its NUL; either may have what sun_path can hold.
          if (!name->empty() && name->front() != '\0') name->resize(std::strlen(name->c_str()));
          right = right && name->size() <= 108;
          break;
        case UNIX_DIAG_PEER:
          right = right && one.size == 4;
          if (right) peer = number<std::uint32_t>(payload, one.at);
          break;
        case UNIX_DIAG_ICONS:
          right = right && one.size % 4 == 0;
          pending = one.size / 4;
          break;
        case UNIX_DIAG_UID:
          right = right && one.size == 4;
          break;
        case UNIX_DIAG_VFS:
        case UNIX_DIAG_RQLEN:
          right = right && one.size == 8;
          break;
        case UNIX_DIAG_SHUTDOWN:
          right = right && one.size == 1;
          break;
        default:
          break;
      }
    }
  }
  FUZZ_CHECK(got.has_value() == right);
  if (!got) {
    FUZZ_CHECK(got.error().code() == scm::errc::malformed);
    return;
  }
  const auto header = number<unix_diag_msg>(payload);
  FUZZ_CHECK(got->type == header.udiag_type);
  FUZZ_CHECK(got->inode == header.udiag_ino);
  FUZZ_CHECK(got->cookie == (header.udiag_cookie[0] | std::uint64_t{header.udiag_cookie[1]} << 32));
  FUZZ_CHECK(got->peer == peer);
  FUZZ_CHECK(got->pending.size() == pending);
  if (name && !name->empty()) {
    const bool abstract = name->front() == '\0';
    FUZZ_CHECK(got->address.kind() == (abstract ? scm::address::form::abstract : scm::address::form::path));
    FUZZ_CHECK(got->address.name() == std::string_view{*name}.substr(abstract ? 1 : 0));
  } else {
    FUZZ_CHECK(got->address.kind() == scm::address::form::unnamed);
  }
}

void check(bytes datagram) {
  const parts wanted = aligned{datagram}.messages();
  scm::netlink_walk walk{datagram};
  std::size_t end = 0;
  for (const part& one : wanted.all) {
    const auto got = walk.next();
    FUZZ_CHECK(got);
    FUZZ_CHECK(got->type == one.header.nlmsg_type && got->flags == one.header.nlmsg_flags);
    FUZZ_CHECK(got->sequence == one.header.nlmsg_seq && got->port == one.header.nlmsg_pid);
    FUZZ_CHECK(got->offset + NLMSG_HDRLEN == one.at && got->offset >= end);
    FUZZ_CHECK(got->payload.size() == one.size);
    FUZZ_CHECK(inside(got->payload, datagram));
    end = one.at + one.size;
    for (const std::size_t skipped : {0U, 1U, 4U, 16U}) check_attributes(got->payload, skipped, 2);
    if (got->type == NLMSG_ERROR || got->type == NLMSG_DONE) {
      check_acknowledgement(*got);
    } else {
      FUZZ_CHECK(!scm::decode_acknowledgement(*got));
    }
    check_socket(*got);
  }
  FUZZ_CHECK(!walk.next());
  FUZZ_CHECK(walk.error().has_value() == !wanted.whole);
  FUZZ_CHECK(!walk.next());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Of the very size, so that a sanitizer sees each read past it; and at an odd address.
  for (const std::size_t shift : {0U, 1U}) {
    const auto copy = std::make_unique<std::byte[]>(size + shift);
    if (size != 0) std::memcpy(copy.get() + shift, data, size);
    check({copy.get() + shift, size});
  }
  return 0;
}
