#include <scm/core/address.hpp>

#include "core/escape.hpp"

#include <algorithm>
#include <cstring>

namespace scm::inline v0_1 {
namespace {

constexpr socklen_t family_size = offsetof(sockaddr_un, sun_path);
static_assert(sizeof(sockaddr_un::sun_path) == limits::address_bytes);

std::unexpected<std::error_code> bad_address() noexcept { return std::unexpected{make_error_code(errc::bad_address)}; }

}  // namespace

address::address() noexcept : native_{}, size_{family_size} { native_.sun_family = AF_UNIX; }

void address::set(std::string_view leading, std::string_view name) noexcept {
  leading.copy(native_.sun_path, leading.size());
  name.copy(native_.sun_path + leading.size(), name.size());
  size_ = static_cast<socklen_t>(family_size + leading.size() + name.size());
}

result<address> address::path(std::string_view name) noexcept {
  if (name.empty() || name.size() > limits::address_bytes || name.find('\0') != name.npos) return bad_address();
  address made;
  made.set({}, name);
  if (name.size() < limits::address_bytes) ++made.size_;  // the terminator, where there is room for one
  return made;
}

result<address> address::abstract(std::string_view name) noexcept {
  if (name.size() >= limits::address_bytes) return bad_address();
  address made;
  made.set(std::string_view{"\0", 1}, name);
  return made;
}

result<address> address::parse(std::string_view text) noexcept {
  return text.starts_with('@') ? abstract(text.substr(1)) : path(text);
}

result<address> address::from_native(const sockaddr_un& native, socklen_t length) noexcept {
  if (length <= family_size) return address{};  // an unnamed sender: 0, an unbound socket: 2 (D10, B14)
  if (native.sun_family != AF_UNIX) return bad_address();
  const std::size_t size = std::min<std::size_t>(length - family_size, limits::address_bytes);
  const std::string_view bytes{native.sun_path, size};
  return bytes.front() == '\0' ? abstract(bytes.substr(1)) : path(bytes.substr(0, bytes.find('\0')));
}

address::form address::kind() const noexcept {
  if (size_ <= family_size) return form::unnamed;
  return native_.sun_path[0] == '\0' ? form::abstract : form::path;
}

std::string_view address::name() const noexcept {
  const std::string_view bytes{native_.sun_path, std::min<std::size_t>(size_ - family_size, limits::address_bytes)};
  return kind() == form::abstract ? bytes.substr(1) : bytes.substr(0, bytes.find('\0'));
}

address_text address::text() const noexcept {
  address_text out;
  const auto add = [&](std::string_view part) {
    part.copy(out.chars_.data() + out.size_, part.size());
    out.size_ += part.size();
  };
  const std::string_view bytes = name();
  if (kind() == form::unnamed) add("(unnamed)");
  if (kind() == form::abstract) add("@");
  if (kind() == form::path && bytes.starts_with('@')) add("./");
  for (const char c : bytes) add(detail::escaped_byte{c}.view());
  return out;
}

}  // namespace scm::inline v0_1
