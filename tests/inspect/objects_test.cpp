// What has no place: pipes, the kernel's event objects, processes, namespaces.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

using namespace scm;
using namespace scm::test;
using kind = descriptor_kind;

TEST_CASE("the two ends of a pipe share an identity and differ in access", "[objects]") {
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  const owned_fd out{ends[0]}, in{ends[1]};
  const description reading = described(out), writing = described(in);
  CHECK(reading.kind == kind::pipe);
  CHECK(writing.kind == kind::pipe);
  CHECK(reading.access == access_mode::read);
  CHECK(writing.access == access_mode::write);
  CHECK(reading.identity == writing.identity);
  CHECK(reading.flags.nonblock);
  CHECK(reading.path.empty());
  CHECK_FALSE(reading.offset);
}

TEST_CASE("an eventfd is described with its count, which stays", "[objects]") {
  const owned_fd counter = made(::eventfd(26, EFD_CLOEXEC | EFD_NONBLOCK));
  CHECK(described(counter).kind == kind::eventfd);
  CHECK(described(counter).counter == 26);
  CHECK(described(counter).counter == 26);
  REQUIRE(::eventfd_write(counter.native_handle(), UINT64_MAX - 1 - 26) == 0);
  CHECK(described(counter).counter == UINT64_MAX - 1);
}

TEST_CASE("each of the kernel's event objects has its kind", "[objects]") {
  sigset_t none;
  sigemptyset(&none);
  CHECK(described(made(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)).get()).kind == kind::timerfd);
  CHECK(described(made(::signalfd(-1, &none, SFD_CLOEXEC)).get()).kind == kind::signalfd);
  CHECK(described(made(::epoll_create1(EPOLL_CLOEXEC)).get()).kind == kind::epoll);
  CHECK(described(made(::inotify_init1(IN_CLOEXEC)).get()).kind == kind::inotify);
  CHECK(described(made(::inotify_init1(IN_CLOEXEC)).get()).name == "inotify");
}

TEST_CASE("a fanotify group has its kind", "[objects]") {
  const int number = ::fanotify_init(FAN_CLOEXEC | FAN_REPORT_FID, O_RDONLY | O_CLOEXEC);
  if (number < 0) SCM_SKIP("fanotify_init is not permitted");
  CHECK(described(owned_fd{number}.get()).kind == kind::fanotify);
}

TEST_CASE("a pidfd is described with the pid, and says when the process has been reaped", "[objects][no-valgrind]") {
  child other{[] { return ::pause() != 0; }};
  const owned_fd handle = made(::syscall(SYS_pidfd_open, other.pid(), 0));
  CHECK(described(handle).kind == kind::pidfd);
  CHECK(described(handle).process == other.pid());
  CHECK(described(handle).name == "pidfd");
  other.kill();
  CHECK(described(handle).kind == kind::pidfd);
  CHECK(described(handle).process == -1);
}

TEST_CASE("an io_uring has its kind", "[objects]") {
  io_uring_params parameters{};
  const long number = ::syscall(SYS_io_uring_setup, 2, &parameters);
  if (number < 0) SCM_SKIP("io_uring_setup is not permitted");
  CHECK(described(made(number).get()).kind == kind::io_uring);
}

TEST_CASE("a userfaultfd has its kind", "[objects]") {
  constexpr int user_mode_only = 1;
  const long number = ::syscall(SYS_userfaultfd, O_CLOEXEC | user_mode_only);
  if (number < 0) SCM_SKIP("userfaultfd is not permitted");
  CHECK(described(made(number).get()).kind == kind::userfaultfd);
}

TEST_CASE("a seccomp listener has its kind", "[objects][no-valgrind]") {
  // In a child, because a filter cannot be taken off again.
  child other{[] {
    sock_filter allow[]{{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    const sock_fprog program{1, allow};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    const owned_fd listener =
        made(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
    const description what = described(listener);
    return what.kind == kind::seccomp_listener && what.name == "seccomp notify";
  }};
  CHECK(other.succeeded());
}

TEST_CASE("a namespace is described by which one it is", "[objects]") {
  const description net = described(opened("/proc/self/ns/net", O_RDONLY).get());
  CHECK(net.kind == kind::namespace_handle);
  CHECK(net.name == "net");
  CHECK(net.path.empty());
  CHECK_FALSE(net.size);
  const description place = described(opened("/proc/self/ns/user", O_PATH).get());
  CHECK(place.kind == kind::path_handle);
  CHECK(place.target == kind::namespace_handle);
}

TEST_CASE("a message queue is not taken for a file", "[objects]") {
  const std::string name = "/scm-test-" + std::to_string(::getpid());
  const int number = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600, nullptr);
  if (number < 0) SCM_SKIP("no POSIX message queues");
  const owned_fd queue{number};
  CHECK(::mq_unlink(name.c_str()) == 0);
  CHECK(described(queue).kind == kind::message_queue);
}

TEST_CASE("what has no kind of its own is anonymous, by the kernel's name", "[objects]") {
  bpf_attr map{};
  map.map_type = BPF_MAP_TYPE_ARRAY;
  map.key_size = map.value_size = 4;
  map.max_entries = 1;
  const long number = ::syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map);
  if (number < 0) SCM_SKIP("bpf is not permitted");
  const description what = described(made(number).get());
  CHECK(what.kind == kind::anonymous);
  CHECK(what.name == "bpf-map");
}

TEST_CASE("the kernel's brackets are not part of an anonymous object's name", "[objects]") {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_DUMMY;
  const long number = ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  if (number < 0) SCM_SKIP("perf_event_open is not permitted");
  const description what = described(made(number).get());
  CHECK(what.kind == kind::anonymous);
  CHECK(what.name == "perf_event");
}

TEST_CASE("every kind has a name of its own, spelled like the enumerator", "[objects]") {
  CHECK(name_of(kind::regular_file) == "regular_file");
  CHECK(name_of(kind::unknown) == "unknown");
  CHECK(name_of(static_cast<kind>(255)) == "unknown");
  std::vector<std::string_view> names;
  for (int number = 0; number <= static_cast<int>(kind::anonymous); ++number) {
    names.push_back(name_of(static_cast<kind>(number)));
  }
  std::ranges::sort(names);
  CHECK(std::ranges::adjacent_find(names) == names.end());
}
