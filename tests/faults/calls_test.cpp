// System calls that fail: the exact error, nothing open, nothing half done.
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>

#include <array>
#include <filesystem>

using namespace scm;
using namespace std::chrono_literals;
using sys::call;
namespace fs = std::filesystem;

namespace {
std::array<std::byte, 64> buffer;

template <class T>
std::error_code code_of(const result<T>& r) {
  return r ? std::error_code{} : r.error();
}

address anywhere(const char* name) { return address::abstract(name).value(); }
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
  const auto system = [](int number) { return std::error_code{number, std::system_category()}; };
  fails(call::flock, EWOULDBLOCK, 1, system(EADDRINUSE));
  fails(call::flock, ENOLCK, 1, system(ENOLCK));
  fails(call::lstat, EACCES, 2, system(EACCES));  // the first looks at the lock
  fails(call::getsockopt, ENOMEM, 1, system(ENOMEM));
  fails(call::socket, EMFILE, 2, system(EMFILE));
  fails(call::connect, EACCES, 1, system(EADDRINUSE));
  fails(call::unlink, EACCES, 1, system(EACCES));
  stale();
  const test::failing fault{call::bind, EACCES, 2, 2};
  CHECK(replace() == system(EACCES));
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
      return number == ENOPROTOOPT
                 ? code == errc::unsupported
                 : code == std::error_code(number, std::system_category()) || code == errc::over_limit;
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
