/// Addresses of Unix sockets: a path, an abstract name, or none (unix(7)).
#pragma once

#include <scm/core/limits.hpp>
#include <scm/core/result.hpp>

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace scm::inline v0_1 {

/// An address in words that are safe on a terminal; see `address::text`.
class address_text {
 public:
  [[nodiscard]] std::string_view view() const noexcept { return {chars_.data(), size_}; }
  operator std::string_view() const noexcept { return view(); }

 private:
  friend class address;
  std::array<char, 4 * limits::address_bytes + 8> chars_;
  std::size_t size_ = 0;
};

/// The address of a Unix socket, as a value. Names are lengths and bytes, never C strings: a path may use all 108
/// bytes without a terminator (kernel fact D11), an abstract name may hold NULs and they count (D10).
class SCM_API address {
 public:
  enum class form : unsigned char {
    unnamed,   ///< No name. Binding to it lets the kernel choose an abstract one (autobind).
    path,      ///< A file system path.
    abstract,  ///< A name that lives as long as its socket, open to everybody in the network namespace.
  };

  /// The unnamed address.
  address() noexcept;

  /// A path of 1 to 108 bytes without NULs, used as given: relative to the working directory of each call.
  /// Errors: `bad_address`.
  [[nodiscard]] static result<address> path(std::string_view name) noexcept;
  /// An abstract name of 0 to 107 bytes, any of which may be NUL. Errors: `bad_address`.
  [[nodiscard]] static result<address> abstract(std::string_view name) noexcept;
  /// The unnamed address, under the name that says what binding to it does.
  [[nodiscard]] static address autobind() noexcept { return {}; }
  /// `@NAME` is abstract, anything else a path; a path that begins with @ is spelled ./@... Errors: `bad_address`.
  [[nodiscard]] static result<address> parse(std::string_view text) noexcept;
  /// What the kernel wrote with `length`, which may be more than the structure holds (111 for a full path) or 0.
  /// Errors: `bad_address` for another family.
  [[nodiscard]] static result<address> from_native(const sockaddr_un& native, socklen_t length) noexcept;

  [[nodiscard]] form kind() const noexcept;
  /// The path, or the abstract name without its leading NUL; borrowed.
  [[nodiscard]] std::string_view name() const noexcept;
  /// As `parse` reads it; bytes other than printable ASCII, and backslashes, as \xNN. "(unnamed)" for no name.
  [[nodiscard]] address_text text() const noexcept;

  /// For bind(2), connect(2) and msg_name.
  [[nodiscard]] const sockaddr_un& native() const noexcept { return native_; }
  [[nodiscard]] socklen_t native_size() const noexcept { return size_; }

  friend bool operator==(const address& a, const address& b) noexcept {
    return a.kind() == b.kind() && a.name() == b.name();
  }

 private:
  void set(std::string_view leading, std::string_view name) noexcept;

  sockaddr_un native_;
  socklen_t size_;
};

}  // namespace scm::inline v0_1
