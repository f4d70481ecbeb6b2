// System calls that fail: the exact error, nothing open, nothing half done.
#include "core/uapi.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>

#include <array>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using namespace std::string_literals;
using sys::call;
namespace fs = std::filesystem;

namespace {
std::array<std::byte, 64> buffer;

template <class T>
std::error_code code_of(const result<T>& r) {
  return r ? std::error_code{} : r.error();
}

address anywhere(const char* name) { return address::abstract(name).value(); }

std::error_code system_error(int number) { return {number, std::system_category()}; }

// Answers one option of getsockopt as a kernel would that has this to tell.
test::faults telling(int option, std::span<const std::byte> what) {
  return test::faults{[option, what](call which, void* argument, long& answer) {
    if (which != call::getsockopt) return false;
    const auto& asked = *static_cast<const sys::option_asked*>(argument);
    if (asked.name != option) return false;
    const bool fits = what.size() <= *asked.size;
    if (fits && !what.empty()) std::memcpy(asked.value, what.data(), what.size());
    *asked.size = static_cast<socklen_t>(what.size());
    answer = fits ? 0 : -1;
    if (!fits) errno = ERANGE;
    return true;
  }};
}
}  // namespace

TEST_CASE("an interrupted connect goes on until its deadline", "[faults]") {
  auto server = listener<stream>::bind(anywhere("scm-faults")).value();
  {
    const test::failing fault{call::connect, EINTR, 1, 3};
    CHECK(stream::connect(anywhere("scm-faults")));
    CHECK(fault.calls() == 4);
  }
  {
    const test::failing fault{call::connect, EINTR, 1, 3};
    CHECK(stream::connect(anywhere("scm-faults"), in(10s)));
  }
  const test::failing fault{call::connect, EINTR};
  CHECK(stream::connect(anywhere("scm-faults"), in(5ms)).error() == std::errc::timed_out);
}

TEST_CASE("a stale file that cannot be examined is not replaced", "[faults]") {
  const test::temporary_folder where;
  const address at = address::path(where / "socket").value();
  const auto replace = [&] { return code_of(listener<stream>::bind(at, {.file = {.replace_stale = true}})); };
  const auto stale = [&] {
    fs::remove(where / "socket");
    listener<stream>::bind(at).value().keep_file();
  };
  const auto fails = [&](call which, int number, int nth, std::error_code why) {
    INFO("call " << static_cast<int>(which) << " number " << nth);
    stale();
    const test::failing fault{which, number, nth, nth};
    CHECK(replace() == why);
    CHECK(fs::exists(where / "socket"));
  };
  fails(call::flock, EWOULDBLOCK, 1, system_error(EADDRINUSE));
  fails(call::flock, ENOLCK, 1, system_error(ENOLCK));
  fails(call::lstat, EACCES, 2, system_error(EACCES));  // the first looks at the lock
  fails(call::getsockopt, ENOMEM, 1, system_error(ENOMEM));
  fails(call::socket, EMFILE, 2, system_error(EMFILE));
  fails(call::connect, EACCES, 1, system_error(EADDRINUSE));
  fails(call::unlink, EACCES, 1, system_error(EACCES));
  stale();
  const test::failing fault{call::bind, EACCES, 2, 2};
  CHECK(replace() == system_error(EACCES));
  CHECK(fs::is_empty(where.path()));
}

TEST_CASE("a lock that keeps vanishing is given up on", "[faults]") {
  const test::temporary_folder where;
  const address at = address::path(where / "socket").value();
  {
    const test::failing fault{call::lstat, ENOENT};
    CHECK(listener<stream>::bind(at, {.file = {.replace_stale = true}}).error() == std::errc::address_in_use);
    CHECK(fault.calls() == 16);
  }
  // Its number alone is not the lock: on another file system it is another file's.
  int looks = 0;
  const test::faults elsewhere{[&](call which, void* argument, long& answer) {
    if (which != call::lstat) return false;
    ++looks;
    auto& status = *static_cast<struct stat*>(argument);
    answer = ::lstat((where / "socket.lock").c_str(), &status);
    ++status.st_dev;
    return true;
  }};
  CHECK(listener<stream>::bind(at, {.file = {.replace_stale = true}}).error() == std::errc::address_in_use);
  CHECK(looks == 16);
}

TEMPLATE_TEST_CASE("items that cannot be asked about are not taken to be off, unless the kernel lacks them", "[faults]",
                   stream, datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  REQUIRE(right.set(receive_item::credentials, true));
  const owned_fd file = test::scratch_file();
  for (int nth = 4;; ++nth) {  // behind domain, type and listening
    const test::failing fault{call::getsockopt, EPERM, nth, nth};
    auto adopted = TestType::adopt(duplicate(right.fd()).value());
    if (fault.calls() >= nth) {
      CHECK(adopted.error() == std::errc::operation_not_permitted);
      continue;
    }
    REQUIRE(left.send("x", {file}));
    CHECK(adopted->receive(buffer, 1)->descriptors.size() == 1);
    break;
  }
  const test::failing lacking{call::getsockopt, ENOPROTOOPT, 5};
  CHECK(TestType::adopt(duplicate(right.fd()).value()));
}

TEMPLATE_TEST_CASE("EINTR is retried, within the deadline", "[faults]", stream, datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  const owned_fd file = test::scratch_file();
  for (const deadline until : {no_deadline, in(10s), dont_wait}) {
    {
      const test::failing fault{call::sendmsg, EINTR, 1, 5};
      CHECK(left.send("x", {file}, {.until = until}));
      CHECK(fault.calls() == 6);
    }
    const test::failing fault{call::recvmsg, EINTR, 1, 5};
    CHECK(right.receive(buffer, 1, {.until = until})->descriptors.size() == 1);
    CHECK(fault.calls() == 6);
  }
  {
    const test::failing fault{call::sendmsg, EINTR};
    CHECK(left.send("x", {}, {.until = in(3ms)}).error().code == std::errc::timed_out);
  }
  const test::failing fault{call::recvmsg, EINTR};
  CHECK(right.receive(buffer, 1, {.until = in(3ms)}).error().code == std::errc::timed_out);
}

TEMPLATE_TEST_CASE("a poll that fails ends the wait with its error; one that lies is slept over", "[faults]", stream,
                   datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  {
    const test::failing fault{call::poll, ENOMEM};
    CHECK(right.receive(buffer, 0, {.until = in(10s)}).error().code == std::errc::not_enough_memory);
  }
  {
    const test::failing fault{call::poll, EINTR, 1, 3};
    CHECK(right.receive(buffer, 0, {.until = in(5ms)}).error().code == std::errc::timed_out);
  }
  int receives = 0;
  const test::faults always_ready{[&](call which, void*, long& answer) {
    if (which == call::recvmsg) ++receives;
    if (which != call::poll) return false;
    answer = 1;
    return true;
  }};
  CHECK(right.receive(buffer, 0, {.until = in(100ms)}).error().code == std::errc::timed_out);
  CHECK(receives < 50);  // not a busy loop
}

TEST_CASE("accept retries what a client's impatience causes", "[faults]") {
  auto server = listener<stream>::bind(anywhere("scm-faults")).value();
  auto client = stream::connect(anywhere("scm-faults")).value();
  {
    const test::failing fault{call::accept4, ECONNABORTED, 1, 2};
    CHECK(server.accept());
  }
  client = stream::connect(anywhere("scm-faults")).value();
  {
    const test::failing fault{call::accept4, EAGAIN, 1, 2};  // taken by another process each time
    CHECK(server.accept(in(10s)));
  }
}

TEST_CASE("a socket file's permissions are settled before the file exists", "[faults]") {
  const test::temporary_folder where;
  std::vector<call> made;
  {
    const test::faults recording{[&made](call which, void*, long&) {
      if (which == call::fchmod || which == call::bind) made.push_back(which);
      return false;
    }};
    CHECK(listener<stream>::bind(address::path(where / "stream").value()));
    CHECK(datagram::bind(address::path(where / "datagram").value()));
  }
  CHECK(made == std::vector{call::fchmod, call::bind, call::fchmod, call::bind});
}

TEMPLATE_TEST_CASE("received descriptors are close-on-exec from the first, not by a second call", "[faults]", stream,
                   datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  REQUIRE(left.send("x", {left.fd(), right.fd()}));
  const auto got = [&right] {
    const test::failing fault{call::fcntl, EPERM};
    auto message = right.receive(buffer, 2);
    CHECK(fault.calls() == 0);
    return message;
  }();
  REQUIRE(got);
  for (const borrowed_fd fd : got->descriptors.view()) CHECK(::fcntl(fd.native_handle(), F_GETFD) == FD_CLOEXEC);
}

TEMPLATE_TEST_CASE("an accepted socket is close-on-exec from the first, not by a second call", "[faults]", stream,
                   seqpacket) {
  auto server = listener<TestType>::bind(address{}).value();
  const auto client = TestType::connect(server.local_address().value()).value();
  // Whoever must set the flag in a second call would fail here; another thread could start a program before it.
  const test::failing fault{call::fcntl, EPERM, 2};
  CHECK(server.accept());
  CHECK(fault.calls() == 1);
}

TEST_CASE("what cannot be asked about a peer is an error in its own part", "[faults]") {
  auto [left, right] = seqpacket::pair().value();
  for (const int number : {ENOPROTOOPT, ENOTCONN, ENODATA, EMFILE, ERANGE}) {
    const test::failing fault{call::getsockopt, number};
    const peer_identity peer = right.peer();
    const auto expected = [&](std::error_code code) {
      return number == ENOPROTOOPT ? code == errc::unsupported
                                   : code == system_error(number) || code == errc::over_limit;
    };
    CHECK(expected(peer.process.value.error()));
    CHECK(expected(peer.pidfd.value.error()));
    CHECK(expected(peer.groups.value.error()));
    CHECK(expected(peer.label.value.error()));
  }
  const test::failing fault{call::getpeername, ENOTCONN};
  CHECK(right.peer_address().error() == std::errc::not_connected);
  CHECK(right.local_address());
}

TEST_CASE("the label of a peer is told whole and without its terminator, or not at all", "[faults]") {
  auto [left, right] = seqpacket::pair().value();
  const auto label_of = [&](std::string_view told) {
    const test::faults labelling = telling(uapi::so_peersec, std::as_bytes(std::span{told}));
    return right.peer().label.value;
  };
  const std::string longest(limits::label_bytes, 'l');
  CHECK(label_of("system_u:object")->view() == "system_u:object");
  CHECK(label_of({"system_u:object", 16})->view() == "system_u:object");
  CHECK(label_of("")->empty());
  CHECK(label_of(longest)->view() == longest);
  CHECK(label_of(longest + '\0')->view() == longest);
  CHECK(label_of(longest + 'l').error() == errc::over_limit);
  CHECK(label_of(longest + "l\0"s).error() == errc::over_limit);
}

TEST_CASE("the groups of a peer are told up to as many as Linux has", "[faults]") {
  auto [left, right] = seqpacket::pair().value();
  for (const std::size_t count : {limits::peer_groups, limits::peer_groups + 1}) {
    const std::vector<gid_t> many(count, 1234);
    const test::faults belonging = telling(uapi::so_peergroups, std::as_bytes(std::span{many}));
    const auto groups = right.peer().groups.value;
    if (count == limits::peer_groups) {
      CHECK((groups == many));
    } else {
      CHECK(groups.error() == errc::over_limit);
    }
  }
}

TEST_CASE("a peer whose pidfd is told and not given has none", "[faults]") {
  auto [left, right] = seqpacket::pair().value();
  const test::faults promising = telling(uapi::so_peerpidfd, {});
  CHECK(right.peer().pidfd.value.error() == system_error(ENODATA));
}

TEST_CASE("a socket that cannot refuse descriptors, as was asked, is not made", "[faults]") {
  const auto server = listener<stream>::bind(anywhere("scm-faults")).value();
  const channel_options refusing{.accept_descriptors = false};
  for (const int number : {ENOPROTOOPT, EPERM}) {
    const test::faults refusing_to{[number](call which, void* argument, long& answer) {
      if (which != call::setsockopt || *static_cast<const int*>(argument) != uapi::so_passrights) return false;
      answer = -1;
      errno = number;
      return true;
    }};
    const std::error_code why = number == EPERM ? system_error(EPERM) : make_error_code(errc::unsupported);
    CHECK(stream::connect(anywhere("scm-faults"), no_deadline, refusing).error() == why);
    CHECK(datagram::open(refusing).error() == why);
    CHECK(listener<stream>::bind(address{}, {.channel = refusing}).error() == why);
  }
}

TEST_CASE("where the kernel does not tell how many descriptors are open, a reserve looks at each number",
          "[faults][no-valgrind]") {
  auto [left, right] = seqpacket::pair().value();
  const owned_fd file = test::scratch_file();
  REQUIRE(left.send("x", {file}));
  const test::faults before_6_2{[](call which, void* argument, long& answer) {
    if (which != call::lstat) return false;
    answer = ::lstat("/proc/self/fd/", static_cast<struct stat*>(argument));
    static_cast<struct stat*>(argument)->st_size = 0;
    return true;
  }};
  const test::descriptor_limit few{test::descriptor_limit::leaving_free(3)};
  CHECK(right.receive(buffer, 1, {.reserve = 2}).error() == errc::no_headroom);
  CHECK(right.receive(buffer, 1, {.reserve = 1})->descriptors.size() == 1);
}

TEST_CASE("a close that fails is over all the same, and errno is left alone", "[faults]") {
  const test::failing fault{call::close, EIO};
  owned_fd file = test::scratch_file();
  const int number = file.native_handle();
  errno = 77;
  file.reset();
  CHECK(errno == 77);
  CHECK(::fcntl(number, F_GETFD) < 0);
  CHECK(fault.calls() == 1);
}
