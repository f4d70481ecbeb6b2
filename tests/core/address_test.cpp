// Addresses of Unix sockets: names of every length, what the kernel makes of them, and how they are written.
#include "support/catch.hpp"

#include <scm/core/address.hpp>
#include <scm/core/fd.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

using namespace std::string_view_literals;
using scm::address;
using form = scm::address::form;

namespace {

constexpr socklen_t header = sizeof(sa_family_t);

// The bytes of sun_path, all 108 of them, with room behind: a test that reads past the end sees the guard.
sockaddr_un native_of(std::string_view path, sa_family_t family = AF_UNIX) {
  sockaddr_un made;
  std::memset(&made, 0x7e, sizeof made);
  made.sun_family = family;
  path.copy(made.sun_path, sizeof made.sun_path);
  return made;
}

bool refused(const scm::result<address>& made) { return !made && made.error() == scm::errc::bad_address; }

// What the kernel says a socket is bound to.
struct kernel_name {
  sockaddr_un native{};
  socklen_t size = sizeof native;
};

struct bound {
  explicit bound(const address& to) : socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
    REQUIRE(socket);
    REQUIRE(::bind(socket.native_handle(), reinterpret_cast<const sockaddr*>(&to.native()), to.native_size()) == 0);
    REQUIRE(::getsockname(socket.native_handle(), reinterpret_cast<sockaddr*>(&name.native), &name.size) == 0);
  }
  scm::owned_fd socket;
  kernel_name name;
};

class directory {
 public:
  directory() { REQUIRE(::mkdtemp(name_) != nullptr); }
  directory(const directory&) = delete;
  ~directory() { ::rmdir(name_); }
  // A path in it of exactly `size` bytes.
  std::string path(std::size_t size) const {
    std::string made{name_};
    made += '/';
    REQUIRE(made.size() < size);
    return made.append(size - made.size(), 'p');
  }

 private:
  char name_[16] = "/tmp/scm-XXXXXX";
};

}  // namespace

TEST_CASE("no name is the unnamed address") {
  for (const address& a : {address{}, address::autobind()}) {
    CHECK(a.kind() == form::unnamed);
    CHECK(a.name().empty());
    CHECK(a.native_size() == header);
    CHECK(a.native().sun_family == AF_UNIX);
    CHECK(a.text().view() == "(unnamed)");
  }
}

TEST_CASE("a path has 1 to 108 bytes and no NUL") {
  for (std::size_t size = 1; size <= 108; ++size) {
    const std::string name(size, 'x');
    const auto made = address::path(name);
    REQUIRE(made.has_value());
    CHECK(made->kind() == form::path);
    CHECK(made->name() == name);
    CHECK(made->native().sun_family == AF_UNIX);
    CHECK(made->native_size() == header + std::min<std::size_t>(size + 1, 108));
    CHECK(std::string_view{made->native().sun_path, size} == name);
    if (size < 108) CHECK(made->native().sun_path[size] == '\0');
  }
  for (const std::string& wrong : {std::string{}, std::string(109, 'x'), std::string(5000, 'x'), std::string("a\0b", 3),
                                   std::string("a\0", 2), std::string("\0", 1)}) {
    const auto made = address::path(wrong);
    CHECK(refused(made));
  }
}

TEST_CASE("an abstract name has 0 to 107 bytes of any value") {
  for (std::size_t size = 0; size <= 107; ++size) {
    std::string name(size, '\0');
    for (std::size_t i = 0; i != size; ++i) name[i] = static_cast<char>(i * 5 % 256);
    const auto made = address::abstract(name);
    REQUIRE(made.has_value());
    CHECK(made->kind() == form::abstract);
    CHECK(made->name() == name);
    CHECK(made->native_size() == header + 1 + size);
    CHECK(made->native().sun_path[0] == '\0');
  }
  CHECK(refused(address::abstract(std::string(108, 'x'))));
  CHECK(refused(address::abstract(std::string(109, 'x'))));
}

TEST_CASE("a path comes back from the kernel as it was bound") {
  const directory home;
  const std::size_t size = GENERATE(20u, 106u, 107u, 108u);
  const auto made = address::path(home.path(size));
  REQUIRE(made.has_value());
  {
    const bound socket{*made};
    CHECK(socket.name.size == header + size + 1);  // 111 for a full path: past the end of the structure (D11)
    const auto back = address::from_native(socket.name.native, socket.name.size);
    REQUIRE(back.has_value());
    CHECK(*back == *made);
    CHECK(back->name() == home.path(size));
  }
  struct stat status{};
  CHECK(::stat(home.path(size).c_str(), &status) == 0);
  CHECK(::unlink(home.path(size).c_str()) == 0);
}

TEST_CASE("an abstract name comes back from the kernel as it was bound") {
  const std::string own = "scm-test-" + std::to_string(::getpid()) + std::string("\0\0end\0", 6);
  const std::string longest = own + std::string(107 - own.size(), '\0');
  for (const std::string& name : {own, longest}) {
    const auto made = address::abstract(name);
    REQUIRE(made.has_value());
    const bound socket{*made};
    CHECK(socket.name.size == header + 1 + name.size());
    const auto back = address::from_native(socket.name.native, socket.name.size);
    REQUIRE(back.has_value());
    CHECK(*back == *made);
    CHECK(back->name() == name);
  }
}

TEST_CASE("binding to no name makes the kernel choose five hexadecimal digits") {
  const bound socket{address::autobind()};
  const auto chosen = address::from_native(socket.name.native, socket.name.size);
  REQUIRE(chosen.has_value());
  CHECK(chosen->kind() == form::abstract);
  CHECK(chosen->name().size() == 5);
  CHECK(chosen->name().find_first_not_of("0123456789abcdef") == std::string_view::npos);
}

TEST_CASE("a socket that is not bound has no name") {
  const scm::owned_fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  REQUIRE(socket);
  kernel_name name;
  REQUIRE(::getsockname(socket.native_handle(), reinterpret_cast<sockaddr*>(&name.native), &name.size) == 0);
  const auto back = address::from_native(name.native, name.size);
  REQUIRE(back.has_value());
  CHECK(back->kind() == form::unnamed);
}

TEST_CASE("every length that the kernel can write is read within the structure") {
  const std::string full(108, 'f');
  for (const socklen_t size : {0u, 1u, 2u}) {
    const auto made = address::from_native(native_of(full), size);
    REQUIRE(made.has_value());
    CHECK(made->kind() == form::unnamed);
  }
  for (const socklen_t size : {110u, 111u, 112u, 128u, 0x7fffffffu, 0xffffffffu}) {
    const auto made = address::from_native(native_of(full), size);
    REQUIRE(made.has_value());
    CHECK(made->name() == full);
    CHECK(made->native_size() == 110);
  }
  const auto one = address::from_native(native_of(full), 3);
  REQUIRE(one.has_value());
  CHECK(one->name() == "f");
  const auto ended = address::from_native(native_of("end\0rest"sv), 50);
  REQUIRE(ended.has_value());
  CHECK(ended->name() == "end");
  const auto empty = address::from_native(native_of("\0more"sv), 3);
  REQUIRE(empty.has_value());
  CHECK(empty->kind() == form::abstract);
  CHECK(empty->name().empty());
  const auto abstract = address::from_native(native_of("\0a\0b"sv), 6);
  REQUIRE(abstract.has_value());
  CHECK(abstract->name() == "a\0b"sv);
  const auto longest = address::from_native(native_of(std::string(108, '\0')), 111);
  REQUIRE(longest.has_value());
  CHECK(longest->name() == std::string(107, '\0'));
}

TEST_CASE("an address of another family is refused") {
  for (const sa_family_t family : {sa_family_t{AF_INET}, sa_family_t{AF_NETLINK}, sa_family_t{AF_UNSPEC}}) {
    const auto made = address::from_native(native_of("x", family), 16);
    CHECK(refused(made));
  }
}

TEST_CASE("parsing takes @ for abstract and anything else for a path") {
  const auto parsed = [](std::string_view text) { return address::parse(text).value(); };
  CHECK(parsed("/run/x.sock") == address::path("/run/x.sock").value());
  CHECK(parsed("@x") == address::abstract("x").value());
  CHECK(parsed("@@x") == address::abstract("@x").value());
  CHECK(parsed("@").kind() == form::abstract);
  CHECK(parsed("@").name().empty());
  CHECK(parsed("./@x").kind() == form::path);
  CHECK(parsed("./@x").name() == "./@x");
  CHECK(parsed("x@y").kind() == form::path);
  CHECK(refused(address::parse("")));
  CHECK(refused(address::parse(std::string(109, 'x'))));
  CHECK(refused(address::parse("@" + std::string(108, 'x'))));
}

TEST_CASE("the text of an address is safe on a terminal and parses where it can") {
  const auto of_path = [](std::string_view name) { return std::string{address::path(name).value().text().view()}; };
  const auto of_abstract = [](std::string_view name) {
    return std::string{address::abstract(name).value().text().view()};
  };
  CHECK(of_path("/run/a b~.sock") == "/run/a b~.sock");
  CHECK(of_path("a\x1b[2J\n") == "a\\x1b[2J\\x0a");
  CHECK(of_path("back\\slash") == "back\\x5cslash");
  CHECK(of_path("\x7f\x80\xff\x1f") == "\\x7f\\x80\\xff\\x1f");
  CHECK(of_path("@x") == "./@x");
  CHECK(of_abstract("x\0y"sv) == "@x\\x00y");
  CHECK(of_abstract("") == "@");
  // The longest texts there are.
  CHECK(of_path("@" + std::string(107, '\xff')).size() == 3 + 4 * 107);
  CHECK(of_path(std::string(108, '\xff')).size() == 4 * 108);
  CHECK(of_abstract(std::string(107, '\n')).size() == 1 + 4 * 107);

  for (const std::string_view text : {"/run/x"sv, "@x"sv, "@"sv, "./@x"sv}) {
    CHECK(address::parse(text).value().text().view() == text);
  }
  const std::string_view converted = address{}.text();
  CHECK(converted.size() == 9);
}

TEST_CASE("addresses are equal when form and name are") {
  const auto path = address::path("x").value();
  CHECK(path == address::path("x").value());
  CHECK(path == address::from_native(native_of("x\0yyy"sv), 8).value());
  CHECK(path == address::from_native(native_of("x"), 3).value());
  CHECK_FALSE(path == address::path("y").value());
  CHECK_FALSE(path == address::path("xx").value());
  CHECK_FALSE(path == address::abstract("x").value());
  CHECK_FALSE(address{} == address::abstract("").value());
  CHECK(address{} == address::autobind());
  CHECK_FALSE(address::abstract("x").value() == address::abstract("x\0"sv).value());
}
