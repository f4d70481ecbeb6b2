#include "core/os_error.hpp"
#include "inspect/glance.hpp"
#include "inspect/socket_details.hpp"
#include "inspect/words.hpp"

#include <scm/inspect/admission.hpp>

namespace scm::inline v0_1 {
namespace {

constexpr kind_set left_out{descriptor_kind::directory,        descriptor_kind::path_handle, descriptor_kind::io_uring,
                            descriptor_kind::seccomp_listener, descriptor_kind::userfaultfd, descriptor_kind::unknown};

using verdict = std::optional<refusal>;

refusal no(mismatch what, std::uint64_t found = 0, std::uint64_t wanted = 0) noexcept {
  return {errc::not_admitted, what, 0, found, wanted};
}

refusal unknown_because(std::error_code why) noexcept { return {why}; }

bool is_admitted(descriptor_kind kind, kind_set kinds) noexcept {
  return kinds.empty() ? !left_out.contains(kind) : kinds.contains(kind);
}

// A bit for each flag that is set, in the order of their words.
std::uint64_t bits_of(const status_flags& flags) noexcept {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i != detail::flag_words.size(); ++i) {
    if (flags.*detail::flag_words[i].value) bits |= std::uint64_t{1} << i;
  }
  return bits;
}

std::uint64_t packed(device_number device) noexcept { return std::uint64_t{device.major} << 32 | device.minor; }

verdict against_flags(const status_flags& set, const expectation& expected) noexcept {
  const std::uint64_t found = bits_of(set);
  if (const auto missing = bits_of(expected.required_flags) & ~found) {
    return no(mismatch::flags_missing, found, missing);
  }
  if (const auto present = bits_of(expected.forbidden_flags) & found) {
    return no(mismatch::flags_present, found, present);
  }
  return {};
}

verdict against_seals(const detail::glance& seen, seal_set wanted) noexcept {
  const seal_set found = seen.kind == descriptor_kind::memfd ? seen.seals.value_or(seal_set{}) : seal_set{};
  if (!found.contains(wanted)) return no(mismatch::seals, found.bits, wanted.bits);
  return {};
}

verdict against_size(borrowed_fd fd, const detail::glance& seen, const size_range& wanted) noexcept {
  const auto asked = seen.size(fd, true);
  if (!asked) return unknown_because(asked.error());
  if (seen.kind == descriptor_kind::path_handle || !*asked) return no(mismatch::no_size);
  const std::uint64_t size = **asked;
  if (size < wanted.least) return no(mismatch::size_below, size, wanted.least);
  if (size > wanted.most) return no(mismatch::size_above, size, wanted.most);
  return {};
}

verdict against_device(const detail::glance& seen, device_number wanted) noexcept {
  const auto found = seen.kind == descriptor_kind::path_handle ? std::nullopt : seen.device();
  if (found != wanted) return no(mismatch::device, packed(found.value_or(device_number{})), packed(wanted));
  return {};
}

verdict against_socket(borrowed_fd fd, const detail::glance& seen, const expectation& expected) noexcept {
  if (seen.kind != descriptor_kind::socket) return no(mismatch::no_socket);
  const auto against_option = [fd](int name, int wanted, mismatch otherwise) noexcept -> verdict {
    const auto found = detail::socket_option(fd, name);
    if (!found) return unknown_because(found.error());
    if (*found == wanted) return {};
    return no(otherwise, static_cast<std::uint64_t>(*found), static_cast<std::uint64_t>(wanted));
  };
  verdict refused;
  if (expected.socket_family) refused = against_option(SO_DOMAIN, *expected.socket_family, mismatch::socket_family);
  if (!refused && expected.socket_type) {
    refused = against_option(SO_TYPE, *expected.socket_type, mismatch::socket_type);
  }
  if (!refused && expected.listening) {
    refused = against_option(SO_ACCEPTCONN, *expected.listening ? 1 : 0,
                             *expected.listening ? mismatch::not_listening : mismatch::listening);
  }
  return refused;
}

bool lies_below(std::string_view path, std::string_view place) noexcept {
  while (place.size() > 1 && place.ends_with('/')) place.remove_suffix(1);
  if (!path.starts_with(place)) return false;
  return place == "/" || path.size() == place.size() || path[place.size()] == '/';
}

// Seals before size: what cannot change any more is looked at before what it then keeps from changing.
verdict against(borrowed_fd fd, const expectation& expected) noexcept {
  const detail::glance seen{fd};
  if (seen.error) return unknown_because(seen.error);
  if (!is_admitted(seen.kind, expected.kinds)) {
    return no(mismatch::kind, static_cast<std::uint64_t>(seen.kind), expected.kinds.bits());
  }
  if (const auto access = seen.access(); !expected.access.empty() && !expected.access.contains(access)) {
    return no(mismatch::access, static_cast<std::uint64_t>(access), expected.access.bits());
  }
  if (auto refused = against_flags(seen.open_flags(), expected)) return refused;
  if (auto refused = against_seals(seen, expected.seals)) return refused;
  if (expected.size) {
    if (auto refused = against_size(fd, seen, *expected.size)) return refused;
  }
  if (expected.device) {
    if (auto refused = against_device(seen, *expected.device)) return refused;
  }
  if (expected.socket_family || expected.socket_type || expected.listening) {
    if (auto refused = against_socket(fd, seen, expected)) return refused;
  }
  if (expected.same_as && seen.identity() != *expected.same_as) {
    return no(mismatch::another_object, seen.status.stx_ino, expected.same_as->inode);
  }
  if (!expected.below.empty() && !lies_below(seen.path(), expected.below)) return no(mismatch::place);
  return {};
}

borrowed_fd lent(borrowed_fd fd) noexcept { return fd; }
borrowed_fd lent(const owned_fd& fd) noexcept { return fd.get(); }

template <class Descriptor>
result<void, refusal> admit_all(std::span<const Descriptor> fds, const admission& policy) noexcept {
  if (fds.size() < policy.least()) {
    return std::unexpected{refusal{errc::not_admitted, mismatch::missing, fds.size(), fds.size(), policy.least()}};
  }
  if (fds.size() > policy.most()) {
    return std::unexpected{refusal{errc::not_admitted, mismatch::surplus, policy.most(), fds.size(), policy.most()}};
  }
  for (std::size_t i = 0; i != fds.size(); ++i) {
    if (auto refused = against(lent(fds[i]), policy.of(i))) {
      refused->position = i;
      return std::unexpected{*refused};
    }
  }
  return {};
}

}  // namespace

result<void, refusal> admit(borrowed_fd fd, const expectation& expected) noexcept {
  if (const auto refused = against(fd, expected)) return std::unexpected{*refused};
  return {};
}

result<void, refusal> admit(std::span<const borrowed_fd> fds, const admission& policy) noexcept {
  return admit_all(fds, policy);
}

result<void, refusal> admit(std::span<const owned_fd> fds, const admission& policy) noexcept {
  return admit_all(fds, policy);
}

}  // namespace scm::inline v0_1
