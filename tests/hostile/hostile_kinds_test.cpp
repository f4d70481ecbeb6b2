// Hostile peers, 11 to 26: descriptors of every kind. Each arrives as what it is, can be described without waiting and
// without changing it, and closes.
#include "hostile/scene.hpp"
#include "inspect/made.hpp"
#include "support/beside.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/queued.hpp"
#include "support/same_file.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>
#include <scm/inspect.hpp>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <atomic>
#include <limits>
#include <thread>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using kind = descriptor_kind;
using test::made;
using test::opened;
using test::scene;

namespace {
std::array<std::byte, 8> buffer;

// Sends `what` and describes what arrives; nothing when it did not arrive as it was, or was changed by being described.
template <class Channel>
std::optional<description> passed(scene<Channel>& here, borrowed_fd what) {
  const description before = test::described(what);
  if (!here.peer().send("x", what)) return std::nullopt;
  const auto got = here.ours().receive(buffer, 1, {.until = test::patience()});
  if (!got || got->size != 1 || got->descriptors.size() != 1) return std::nullopt;
  if (!test::same_open_file(got->descriptors[0], what)) return std::nullopt;
  auto arrived = describe(got->descriptors[0]);
  if (!arrived || *arrived != before || test::described(what) != before) return std::nullopt;
  return *std::move(arrived);
}

ssize_t read_byte(borrowed_fd from) {
  char byte = 0;
  return ::read(from.native_handle(), &byte, 1);
}

owned_fd seccomp_listener() {
  sock_filter allow[]{{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  const sock_fprog program{1, allow};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return {};
  return made(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

// A connected TCP socket whose close(2) waits a second, for bytes that its peer does not take.
class slow_to_close {
 public:
  slow_to_close() {
    const owned_fd listening = made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    auto* const any = reinterpret_cast<sockaddr*>(&name);
    fd_ = made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const linger wait{1, 1};
    if (::bind(listening.native_handle(), any, size) != 0 || ::listen(listening.native_handle(), 1) != 0 ||
        ::getsockname(listening.native_handle(), any, &size) != 0 || ::connect(fd_.native_handle(), any, size) != 0 ||
        ::setsockopt(fd_.native_handle(), SOL_SOCKET, SO_LINGER, &wait, sizeof wait) != 0) {
      throw std::system_error(errno, std::generic_category(), "TCP");
    }
    peer_ = made(::accept4(listening.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    const timeval patience{20, 0};
    ::setsockopt(peer_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const std::vector<char> some(1 << 16);
    while (::send(fd_.native_handle(), some.data(), some.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }
  owned_fd give() { return std::move(fd_); }
  // Whether the other end is told of the close: by the end of what was sent, or a reset.
  bool closed() const {
    std::vector<char> some(1 << 16);
    ssize_t size = 1;
    while (size > 0) size = ::recv(peer_.native_handle(), some.data(), some.size(), 0);
    return size == 0 || errno == ECONNRESET;
  }

 private:
  owned_fd fd_, peer_;
};
}  // namespace

TEMPLATE_TEST_CASE("hostile 11: an O_PATH handle arrives as one, through which nothing can be read", "[hostile]",
                   stream, datagram, seqpacket) {
  scene<TestType> here;
  const owned_fd handle = opened("/etc/passwd", O_PATH);
  const auto got = passed(here, handle);
  REQUIRE(got);
  CHECK(got->kind == kind::path_handle);
  CHECK(got->target == kind::regular_file);
  CHECK(got->access == access_mode::none);
  CHECK((read_byte(handle) == -1 && errno == EBADF));
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 12: a directory arrives as a directory, not as a file", "[hostile]", stream, datagram,
                   seqpacket) {
  scene<TestType> here;
  const auto got = passed(here, opened("/", O_RDONLY | O_DIRECTORY).get());
  REQUIRE(got);
  CHECK(got->kind == kind::directory);
  CHECK_FALSE(got->size);
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 13: a socket sent over itself harms nobody, and a cycle left behind is collected",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  for (const borrowed_fd end : {here.peer().fd(), here.ours().fd()}) {
    const auto got = passed(here, end);
    REQUIRE(got);
    CHECK(got->kind == kind::socket);
    CHECK(test::honest_message(here.peer(), here.ours()));  // that copy was closed, the channel was not
  }

  test::witness watched;
  {
    auto [peer, ours] = TestType::pair().value();
    const owned_fd given = watched.give();
    REQUIRE(peer.send("x", {ours.fd(), given}));  // its queue holds itself from now on
  }
  // The kernel looks for cycles when some Unix socket is released (kernel fact A18).
  for (const deadline until = test::patience(); !watched.closed() && std::chrono::steady_clock::now() < until;) {
    (void)stream::pair();
    std::this_thread::sleep_for(1ms);
  }
  CHECK(watched.closed());
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 14: an epoll that watches our own socket is described, closed, and takes no event from us",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  const owned_fd inner = made(::epoll_create1(EPOLL_CLOEXEC));
  const owned_fd outer = made(::epoll_create1(EPOLL_CLOEXEC));
  for (const std::uint32_t trigger : {0U, static_cast<std::uint32_t>(EPOLLET)}) {
    epoll_event event{EPOLLIN | trigger, {}};
    const int operation = trigger == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    REQUIRE(::epoll_ctl(inner.native_handle(), operation, here.ours().fd().native_handle(), &event) == 0);
    REQUIRE(::epoll_ctl(outer.native_handle(), operation, inner.native_handle(), &event) == 0);
    for (const borrowed_fd epoll : {inner.get(), outer.get()}) {
      const auto got = passed(here, epoll);
      REQUIRE(got);
      CHECK(got->kind == kind::epoll);
    }
    CHECK(test::honest_message(here.peer(), here.ours()));
  }
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 15: what is slow to close is closed all the same, by the receive that rejects it",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  slow_to_close slow;
  {
    owned_fd given = slow.give();
    const auto got = passed(here, given);
    REQUIRE(got);
    CHECK(got->kind == kind::socket);
    REQUIRE(here.peer().send_owned("x", given));
  }
  const auto before = std::chrono::steady_clock::now();
  CHECK(here.ours().receive(buffer, 0, {.until = in(5ms)}).error() == errc::over_limit);
  CHECK(std::chrono::steady_clock::now() - before > 500ms);  // no deadline bounds close(2): the design says so
  CHECK(slow.closed());
  CHECK(here.serves_after_loss());
}

TEMPLATE_TEST_CASE("hostile 16: a terminal does not become the controlling one of a session that has none", "[hostile]",
                   stream, datagram, seqpacket) {
  const owned_fd outer = made(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(::unlockpt(outer.native_handle()) == 0);
  const owned_fd inner = made(::ioctl(outer.native_handle(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  test::child leader{[&] {
    if (::setsid() < 0) return false;
    scene<TestType> here;
    for (const borrowed_fd end : {inner.get(), outer.get()}) {
      const auto got = passed(here, end);
      if (!got || got->kind != kind::terminal) return false;
      if (::open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0 || errno != ENXIO) return false;
    }
    return here.serves();
  }};
  CHECK(leader.succeeded());
}

TEMPLATE_TEST_CASE("hostile 17: an io_uring does not leave its sender, nor does what is sent with it", "[hostile]",
                   stream, datagram, seqpacket) {
  std::array<std::byte, 256> parameters{};
  const owned_fd ring{static_cast<int>(::syscall(SYS_io_uring_setup, 2, parameters.data()))};
  if (!ring) SCM_SKIP("io_uring is not available here");
  scene<TestType> here;
  if (here.peer().send("x", {ring})) SCM_SKIP("this kernel is older than 6.7 and passes io_uring descriptors");
  test::witness watched;
  {
    owned_fd given = watched.give();
    CHECK(here.peer().send("x", {ring}).error() == std::errc::invalid_argument);
    CHECK(here.peer().send("x", {given, ring}).error() == std::errc::invalid_argument);
    CHECK(here.peer().send("x", {ring, given}, {.until = test::patience()}).error() == std::errc::invalid_argument);
  }
  CHECK(watched.closed());
  CHECK(here.ours().try_receive(buffer, 2).error() == std::errc::resource_unavailable_try_again);
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 18: a pidfd of the receiver itself is a pidfd like any other", "[hostile]", stream,
                   datagram, seqpacket) {
  scene<TestType> here;
  const auto got = passed(here, made(::syscall(SYS_pidfd_open, ::getpid(), 0)).get());
  REQUIRE(got);
  CHECK(got->kind == kind::pidfd);
  CHECK(got->process == ::getpid());
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 19: what nobody answers is described without asking it: a named pipe, memory on demand",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  const test::temporary_folder where;
  REQUIRE(::mkfifo((where / "fifo").c_str(), 0600) == 0);
  const owned_fd fifo = opened(where / "fifo", O_RDONLY | O_NONBLOCK);
  REQUIRE(::fcntl(fifo.native_handle(), F_SETFL, 0) == 0);  // a read would wait for a writer
  const auto got = passed(here, fifo);
  REQUIRE(got);
  CHECK(got->kind == kind::pipe);

  constexpr int user_mode_only = 1;
  if (const owned_fd memory{static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | user_mode_only))}) {
    const auto provider = passed(here, memory);
    REQUIRE(provider);
    CHECK(provider->kind == kind::userfaultfd);
  }
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 20: a memfd without seals says that anything can still happen to it", "[hostile]", stream,
                   datagram, seqpacket) {
  scene<TestType> here;
  const owned_fd open = made(::memfd_create("scm-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const auto got = passed(here, open);
  REQUIRE(got);
  CHECK(got->kind == kind::memfd);
  REQUIRE(got->seals);
  CHECK(got->seals->empty());
  const auto plain = passed(here, made(::memfd_create("scm-test", MFD_CLOEXEC)).get());
  REQUIRE(plain);
  CHECK(plain->seals == (seal_set{} | seal::sealing));  // never any more, least of all against shrinking
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 21: a memfd with every seal but the one against shrinking does not pass for sealed",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  const owned_fd memory = made(::memfd_create("scm-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(memory.native_handle(), 4096) == 0);
  REQUIRE(::fcntl(memory.native_handle(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0);
  const auto got = passed(here, memory);
  REQUIRE(got);
  REQUIRE(got->seals);
  CHECK(*got->seals == (seal_set{} | seal::grow | seal::write | seal::sealing));
  CHECK_FALSE(got->seals->contains(seal::shrink));
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 22: a memfd that its sender truncates meanwhile has one size or the other", "[hostile]",
                   stream, datagram, seqpacket) {
  scene<TestType> here;
  const owned_fd memory = made(::memfd_create("scm-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(here.peer().send("x", {memory}));
  const auto got = here.ours().receive(buffer, 1);
  REQUIRE(got);
  std::atomic<bool> stop = false;
  test::beside truncating{[&stop, &memory] {
    while (!stop) {
      if (::ftruncate(memory.native_handle(), 4096) != 0 || ::ftruncate(memory.native_handle(), 0) != 0) return false;
    }
    return true;
  }};
  bool one_or_the_other = true;
  for (int i = 0; i != 500; ++i) {
    const auto what = describe(got->descriptors[0]);
    one_or_the_other =
        one_or_the_other && what && what->kind == kind::memfd && (what->size == 0U || what->size == 4096U);
  }
  stop = true;
  CHECK(truncating.succeeded());
  CHECK(one_or_the_other);
  CHECK(test::described(got->descriptors[0]).size == 0U);
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 23: a file opened the wrong way says so before it is used", "[hostile]", stream, datagram,
                   seqpacket) {
  scene<TestType> here;
  const test::temporary_folder where;
  const owned_fd writing = opened(where / "file", O_WRONLY | O_CREAT, 0600);
  const owned_fd reading = opened(where / "file", O_RDONLY);
  const auto for_reading = passed(here, writing);
  REQUIRE(for_reading);
  CHECK(for_reading->access == access_mode::write);
  CHECK((read_byte(writing) == -1 && errno == EBADF));
  const auto for_writing = passed(here, reading);
  REQUIRE(for_writing);
  CHECK(for_writing->access == access_mode::read);
  const auto neither = passed(here, opened(where / "file", O_ACCMODE).get());  // for ioctl(2) alone (open(2))
  REQUIRE(neither);
  CHECK(neither->access == access_mode::none);
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 24: flags that a peer flips on a shared description change no call of ours", "[hostile]",
                   stream, datagram, seqpacket) {
  constexpr int rounds = 300;
  auto [peer, ours] = TestType::pair().value();
  const owned_fd file = test::scratch_file();
  // Both ends are known to both sides, as after a fork.
  const auto flip = [&file, theirs = ours.fd().native_handle(), own = peer.fd().native_handle()](bool on) {
    bool done = true;
    for (const int number : {theirs, own}) done = ::fcntl(number, F_SETFL, on ? O_NONBLOCK : 0) == 0 && done;
    return ::fcntl(file.native_handle(), F_SETFL, on ? O_NONBLOCK | O_APPEND : 0) == 0 && done;
  };
  SECTION("while we receive and wait") {
    test::beside sender{[&flip, &file, &from = peer] {
      for (int i = 0; i != rounds; ++i) {
        for (int flips = 0; flips != 8; ++flips) {
          if (!flip(flips % 2 == 0)) return false;
          if (flips % 4 == 0) std::this_thread::yield();
        }
        if (!from.send("x", {file})) return false;
      }
      return true;
    }};
    int received = 0;
    for (int i = 0; i != rounds; ++i) {
      const auto got = ours.receive(buffer, 1, {.until = i % 2 == 0 ? no_deadline : test::patience()});
      if (!got || got->descriptors.size() != 1) break;
      const auto what = describe(got->descriptors[0]);
      received += what && what->kind == kind::regular_file ? 1 : 0;
    }
    CHECK(sender.succeeded());
    CHECK(received == rounds);
  }
  SECTION("while we send and wait for room") {
    const std::vector<char> some(20'000, 'x');
    test::beside reader{[&flip, &from = peer] {
      std::vector<char> room(20'000);
      std::size_t bytes = 0;
      for (int i = 0; bytes != rounds * room.size(); ++i) {
        if (!flip(i % 2 == 0)) return false;
        const auto got = from.receive(room, 0, {.until = test::patience()});
        if (!got) return false;
        bytes += got->size;
      }
      return true;
    }};
    std::size_t sent = 0;
    for (int i = 0; i != rounds; ++i) {
      const send_options options{.until = i % 2 == 0 ? no_deadline : test::patience()};
      if constexpr (std::same_as<TestType, stream>) {
        if (ours.send_all(some, {}, options)) sent += some.size();
      } else {
        sent += ours.send(some, {}, options).value_or(0);
      }
    }
    CHECK(sent == rounds * some.size());
    CHECK(reader.succeeded());
  }
  REQUIRE(flip(false));
  CHECK(test::honest_message(peer, ours));
}

TEMPLATE_TEST_CASE("hostile 25: a sparse file larger than any memory is described by its size, and nothing is read",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  const owned_fd memory = made(::memfd_create("scm-test", MFD_CLOEXEC));
  constexpr off_t size = std::numeric_limits<off_t>::max() / 2 + 1;
  REQUIRE(::ftruncate(memory.native_handle(), size) == 0);
  const auto got = passed(here, memory);
  REQUIRE(got);
  CHECK(got->size == static_cast<std::uint64_t>(size));
  struct stat status{};
  REQUIRE(::fstat(memory.native_handle(), &status) == 0);
  CHECK(status.st_blocks == 0);
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 26: a seccomp listener arrives as one", "[hostile]", stream, datagram, seqpacket) {
  test::child other{[] {  // a filter cannot be taken off again
    scene<TestType> here;
    const owned_fd listener = seccomp_listener();
    const auto got = passed(here, listener);
    return got && got->kind == kind::seccomp_listener && here.serves();
  }};
  CHECK(other.succeeded());
}
