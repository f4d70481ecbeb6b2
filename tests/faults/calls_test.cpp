// System calls that fail: the exact error, nothing open, nothing half done.
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>

#include <array>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using sys::call;
namespace fs = std::filesystem;

namespace {
std::array<std::byte, 64> buffer;

// Fails each call of `what` in turn with each of `numbers`, until one run makes no further call: `run` must answer with
// that very error each time, and succeed in the end. Close never counts: its error is dropped on purpose.
void fail_each(call what, std::initializer_list<int> numbers, const std::function<std::error_code()>& run) {
  for (const int number : numbers) {
    for (int nth = 1;; ++nth) {
      INFO("call " << static_cast<int>(what) << " number " << nth << " fails with " << std::strerror(number));
      const test::failing fault{what, number, nth, nth};
      const std::error_code code = run();
      if (fault.calls() < nth) {
        CHECK_FALSE(code);
        break;
      }
      CHECK(code == std::error_code(number, std::system_category()));
      REQUIRE(nth < 100);
    }
  }
}

template <class T>
std::error_code code_of(const result<T>& r) {
  return r ? std::error_code{} : r.error();
}

address anywhere(const char* name) { return address::abstract(name).value(); }
}  // namespace

TEMPLATE_TEST_CASE("a pair that cannot be made is the kernel's error", "[faults]", stream, datagram, seqpacket) {
  fail_each(call::socketpair, {EMFILE, ENFILE, ENOMEM}, [] { return code_of(TestType::pair()); });
  fail_each(call::setsockopt, {ENOMEM}, [] { return code_of(TestType::pair()); });
}

TEMPLATE_TEST_CASE("a connection that cannot be made leaves nothing open", "[faults]", stream, seqpacket) {
  auto server = listener<TestType>::bind(anywhere("scm-faults")).value();
  const auto connect = [] { return code_of(TestType::connect(anywhere("scm-faults"), in(10s))); };
  fail_each(call::socket, {EMFILE, ENFILE, ENOMEM, EACCES}, connect);
  fail_each(call::connect, {ECONNREFUSED, EACCES, EPERM, ENOMEM}, connect);
  fail_each(call::setsockopt, {ENOMEM, EPERM}, connect);
  const auto at_once = [] { return code_of(TestType::connect(anywhere("scm-faults"), dont_wait)); };
  fail_each(call::fcntl, {EPERM}, at_once);
  const test::failing interrupted{call::connect, EINTR, 1, 3};
  CHECK_FALSE(at_once());
}

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

TEST_CASE("a listener that cannot be made leaves neither descriptors nor files", "[faults]") {
  const test::temporary_folder where;
  const address at = address::path(where / "socket").value();
  const auto bind = [&] {
    const auto code = code_of(listener<stream>::bind(
        at, {.file = {.replace_stale = true}, .channel = {.items = {receive_item::credentials}}}));
    CHECK(fs::is_empty(where.path()));
    return code;
  };
  fail_each(call::socket, {EMFILE, ENFILE}, bind);
  fail_each(call::setsockopt, {ENOMEM}, bind);
  fail_each(call::fchmod, {EPERM}, bind);
  fail_each(call::open, {EACCES, EMFILE, ENOSPC}, bind);
  fail_each(call::bind, {EACCES, ENOMEM, EROFS}, bind);
  fail_each(call::listen, {ENOMEM}, bind);
  const auto bind_datagram = [&] { return code_of(datagram::bind(at)); };
  fail_each(call::socket, {EMFILE}, bind_datagram);
  fail_each(call::bind, {EACCES}, bind_datagram);
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

TEMPLATE_TEST_CASE("adopting fails with the kernel's error and leaves the descriptor to the caller", "[faults]", stream,
                   datagram, seqpacket) {
  const auto adopt = [] {
    auto [left, right] = TestType::pair().value();
    owned_fd copy{::dup(left.fd().native_handle())};
    const auto adopted = TestType::adopt(std::move(copy));
    CHECK(static_cast<bool>(copy) != adopted.has_value());
    return code_of(adopted);
  };
  fail_each(call::fcntl, {EBADF}, adopt);
  fail_each(call::getsockopt, {ENOMEM, EACCES}, adopt);
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

TEMPLATE_TEST_CASE("sends and receives pass the kernel's errors on", "[faults]", stream, datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  const owned_fd file = test::scratch_file();
  for (const int number : {EACCES, EBADF, ECONNRESET, EFAULT, EMSGSIZE, ENOBUFS, ENOMEM, ENOTCONN, EPERM, EPIPE}) {
    INFO(std::strerror(number));
    {
      const test::failing fault{call::sendmsg, number};
      const auto sent = left.send("x", {file});
      REQUIRE_FALSE(sent);
      CHECK(sent.error().code == std::error_code(number, std::system_category()));
      CHECK(sent.error().descriptors_sent == 0);
      CHECK(fault.calls() == 1);
    }
    const test::failing fault{call::recvmsg, number};
    CHECK(right.receive(buffer, 1).error().code == std::error_code(number, std::system_category()));
    CHECK(fault.calls() == 1);
  }
  REQUIRE(left.send("x", {file}));
  CHECK(right.receive(buffer, 1)->descriptors.size() == 1);  // an error of the system is no loss
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
  auto stamping =
      listener<seqpacket>::bind(anywhere("scm-stamping"), {.channel = {.items = {receive_item::timestamp}}});
  REQUIRE(stamping);
  fail_each(call::setsockopt, {ENOMEM}, [&stamping] {
    const int here = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const owned_fd client_socket{here};
    const address to = anywhere("scm-stamping");
    REQUIRE(::connect(here, reinterpret_cast<const sockaddr*>(&to.native()), to.native_size()) == 0);
    return code_of(stamping->accept());
  });
  const test::failing fault{call::accept4, ENFILE};
  CHECK(server.accept().error() == std::errc::too_many_files_open_in_system);
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

TEST_CASE("options that fail say why, and what the kernel lacks is unsupported", "[faults]") {
  auto [left, right] = stream::pair().value();
  for (const int number : {ENOPROTOOPT, EOPNOTSUPP, ENOMEM}) {
    const test::failing fault{call::setsockopt, number};
    const auto expected =
        number == ENOMEM ? std::make_error_code(std::errc::not_enough_memory) : make_error_code(errc::unsupported);
    const auto same = [&](const result<void>& r) {
      return !r && (number == ENOMEM ? r.error() == std::errc::not_enough_memory : r.error() == expected);
    };
    CHECK(same(right.set(receive_item::credentials, true)));
    CHECK(same(right.set(receive_item::pidfd, true)));
    CHECK(same(right.accept_descriptors(false)));
    CHECK(same(right.set_send_buffer(1)));
    CHECK(same(right.set_receive_buffer(1)));
  }
  const test::failing fault{call::shutdown, ENOTCONN};
  CHECK(right.shutdown_send().error() == std::errc::not_connected);
}

TEST_CASE("a descriptor limit that cannot be read counts as no headroom", "[faults]") {
  auto [left, right] = seqpacket::pair().value();
  REQUIRE(left.send("x"));
  {
    const test::failing fault{call::getrlimit, EPERM};
    CHECK(right.receive(buffer, 1, {.reserve = 1}).error() == errc::no_headroom);
  }
  {
    const test::failing fault{call::lstat, ENOENT};  // no /proc
    CHECK(right.receive(buffer, 1, {.reserve = 1}));
  }
  REQUIRE(left.send("x"));
  CHECK(right.receive(buffer, 1, {.reserve = 1}));
}

TEST_CASE("duplicating and asking for names pass errors on", "[faults]") {
  auto [left, right] = seqpacket::pair().value();
  {
    const test::failing fault{call::fcntl, EMFILE};
    CHECK(duplicate(left.fd()).error() == std::errc::too_many_files_open);
  }
  const test::failing fault{call::getsockname, ENOBUFS};
  CHECK(left.local_address().error() == std::errc::no_buffer_space);
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
