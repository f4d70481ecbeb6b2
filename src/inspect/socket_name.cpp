#include <scm/inspect/socket_name.hpp>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace scm::inline v0_1 {
namespace {

template <class... Types>
struct overloaded : Types... {
  using Types::operator()...;
};

template <std::size_t Size>
std::array<char, INET6_ADDRSTRLEN> host_text(int family, const std::array<std::uint8_t, Size>& host) noexcept {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, host.data(), text.data(), text.size());  // cannot fail: the family is known and the room enough
  return text;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): numbers formatted into a buffer do not throw, and no variant is valueless
socket_name_text text_of(const socket_name& name) noexcept {
  socket_name_text out;
  const auto print = [&]<class... Parts>(fmt::format_string<const Parts&...> format, const Parts&... parts) {
    out.size_ = fmt::format_to_n(out.chars_.data(), out.chars_.size(), format, parts...).size;
  };
  const overloaded visitor{
      [](std::monostate) {},
      [&](const address& a) { print("{}", a.text().view()); },
      [&](const inet_name& a) { print("{}:{}", host_text(AF_INET, a.host).data(), a.port); },
      [&](const inet6_name& a) {
        const auto host = host_text(AF_INET6, a.host);
        if (a.scope != 0) return print("[{}%{}]:{}", host.data(), a.scope, a.port);
        print("[{}]:{}", host.data(), a.port);
      },
      [&](const netlink_name& a) { print("port {} groups {:#x}", a.port, a.groups); },
      [&](const vsock_name& a) { print("context {} port {}", a.context, a.port); },
  };
  std::visit(visitor, name);
  return out;
}

}  // namespace scm::inline v0_1
