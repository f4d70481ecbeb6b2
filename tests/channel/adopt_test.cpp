// Taking over descriptors that come from elsewhere.
#include "support/catch.hpp"
#include "support/kinds.hpp"

#include <scm/channel.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <vector>

using namespace scm;

namespace {
std::array<std::byte, 64> buffer;

// A pair that others made, not close-on-exec, as an inherited one would be.
std::pair<owned_fd, owned_fd> inherited(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type, 0, ends) != 0) throw std::system_error(errno, std::generic_category(), "socketpair");
  return {owned_fd{ends[0]}, owned_fd{ends[1]}};
}

template <class Channel>
constexpr int native_type = SOCK_STREAM;
template <>
constexpr int native_type<datagram> = SOCK_DGRAM;
template <>
constexpr int native_type<seqpacket> = SOCK_SEQPACKET;
}  // namespace

TEMPLATE_TEST_CASE("an inherited socket becomes a channel and close-on-exec", "[adopt]", stream, datagram, seqpacket) {
  auto [a, b] = inherited(native_type<TestType>);
  const int number = a.native_handle();
  auto left = TestType::adopt(std::move(a)).value();
  auto right = TestType::adopt(std::move(b)).value();
  CHECK_FALSE(a);
  CHECK(left.fd().native_handle() == number);
  CHECK(::fcntl(number, F_GETFD) == FD_CLOEXEC);
  const owned_fd file = test::scratch_file();
  REQUIRE(left.send("x", {file}));
  CHECK(right.receive(buffer, 1)->descriptors.size() == 1);
}

TEMPLATE_TEST_CASE("what is not such a socket is refused and stays with the caller", "[adopt][no-valgrind]", stream,
                   datagram, seqpacket) {
  const auto refused = [](owned_fd&& fd, auto why) {
    const int number = fd.native_handle();
    CHECK(TestType::adopt(std::move(fd)).error() == why);
    CHECK(fd.native_handle() == number);
  };
  for (auto& example : test::one_of_each_kind()) {
    if (example.kind == "connected unix socket" || example.kind == "its peer") continue;
    INFO(example.kind);
    if (example.kind == "path handle") {
      refused(std::move(example.fd), std::errc::bad_file_descriptor);
    } else {
      refused(std::move(example.fd), errc::wrong_descriptor);
    }
  }
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    if (type == native_type<TestType>) continue;
    refused(inherited(type).first, errc::wrong_descriptor);
  }
  refused(owned_fd{}, std::errc::bad_file_descriptor);
  owned_fd listening{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const address any;
  REQUIRE(::bind(listening.native_handle(), reinterpret_cast<const sockaddr*>(&any.native()), any.native_size()) == 0);
  REQUIRE(::listen(listening.native_handle(), 1) == 0);
  refused(std::move(listening), errc::wrong_descriptor);
}

TEMPLATE_TEST_CASE("items that the last user enabled have their room", "[adopt]", stream, datagram, seqpacket) {
  auto [a, b] = inherited(native_type<TestType>);
  const int on = 1;
  REQUIRE(::setsockopt(b.native_handle(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
  const bool pidfds = ::setsockopt(b.native_handle(), SOL_SOCKET, 76, &on, sizeof on) == 0;
  const bool inq = ::setsockopt(b.native_handle(), SOL_SOCKET, 84, &on, sizeof on) == 0;
  if (native_type<TestType> != SOCK_STREAM) {
    REQUIRE(::setsockopt(b.native_handle(), SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on) == 0);
  }

  auto left = TestType::adopt(std::move(a)).value();
  auto right = TestType::adopt(std::move(b)).value();
  const owned_fd file = test::scratch_file();
  for (const std::size_t count : {0U, 1U, 2U, 3U, 32U, 253U}) {
    REQUIRE(left.send("x", std::vector<borrowed_fd>(count, file)));
    const auto got = right.receive(buffer, count);
    INFO(count << " descriptors: " << (got ? "" : got.error().code.message()));
    REQUIRE(got);
    CHECK(got->sender == credentials::own());
    CHECK(static_cast<bool>(got->sender_pidfd) == pidfds);
    CHECK(got->queued_bytes.has_value() == inq);
    CHECK(got->queued_at.has_value() == (right.type() != socket_type::stream));
  }
}

TEMPLATE_TEST_CASE("what SO_TIMESTAMPING adds to each message takes no room from descriptors", "[adopt]", datagram,
                   seqpacket) {
  auto [a, b] = inherited(native_type<TestType>);
  const int on = 1;
  const int software = 8 | 16;  // SOF_TIMESTAMPING_RX_SOFTWARE, SOF_TIMESTAMPING_SOFTWARE
  REQUIRE(::setsockopt(b.native_handle(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0);
  REQUIRE(::setsockopt(b.native_handle(), SOL_SOCKET, SO_TIMESTAMPING, &software, sizeof software) == 0);
  auto left = TestType::adopt(std::move(a)).value();
  auto right = TestType::adopt(std::move(b)).value();
  const owned_fd file = test::scratch_file();
  for (const std::size_t count : {0U, 1U, 10U, 253U}) {
    REQUIRE(left.send("x", std::vector<borrowed_fd>(count, file)));
    const auto got = right.receive(buffer, count);
    REQUIRE(got);
    CHECK(got->descriptors.size() == count);
  }
}

TEMPLATE_TEST_CASE("each way of asking for timestamps is seen", "[adopt]", datagram, seqpacket) {
  for (const int option : {29, 35, 63, 64}) {
    auto [a, b] = inherited(native_type<TestType>);
    const int on = 1;
    REQUIRE(::setsockopt(b.native_handle(), SOL_SOCKET, option, &on, sizeof on) == 0);
    auto left = TestType::adopt(std::move(a)).value();
    auto right = TestType::adopt(std::move(b)).value();
    REQUIRE(left.send("x"));
    const auto got = right.receive(buffer, 0);
    REQUIRE(got);
    CHECK(got->queued_at);
  }
}

TEST_CASE("a listening socket is adopted as a listener of its type alone", "[adopt]") {
  auto made = listener<seqpacket>::bind(address::autobind()).value();
  owned_fd copy = duplicate(made.fd()).value();
  CHECK(listener<stream>::adopt(std::move(copy)).error() == errc::wrong_descriptor);
  REQUIRE(copy);
  auto adopted = listener<seqpacket>::adopt(std::move(copy)).value();
  CHECK_FALSE(copy);

  auto client = seqpacket::connect(adopted.local_address().value()).value();
  auto accepted = adopted.accept().value();
  REQUIRE(client.send("x"));
  CHECK(accepted.receive(buffer, 0)->size == 1);
  owned_fd connected = duplicate(client.fd()).value();
  CHECK(listener<seqpacket>::adopt(std::move(connected)).error() == errc::wrong_descriptor);
}
