// docs/syscalls.md against the kernel: under a filter that allows what a row lists, that use works, and without any one
// of its calls it does not.
#include "support/seccomp.hpp"

#include "support/catch.hpp"
#include "support/document.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/sanitized.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <scm/batch.hpp>
#include <scm/channel.hpp>
#include <scm/frame.hpp>
#include <scm/inspect.hpp>
#include <scm/netlink.hpp>
#include <scm/process.hpp>

#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <sys/resource.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;

namespace {

#define SCM_NUMBER(name)  \
  {                       \
    #name, { SYS_##name } \
  }
// Each name with the number of the call, or of those that other versions of libc and other machines make of it.
const std::map<std::string, std::vector<long>>& numbers() {
  static const std::map<std::string, std::vector<long>> all{
      SCM_NUMBER(accept4),
      SCM_NUMBER(bind),
      SCM_NUMBER(clock_nanosleep),
      SCM_NUMBER(close),
      SCM_NUMBER(close_range),
      SCM_NUMBER(connect),
      SCM_NUMBER(fchmod),
      SCM_NUMBER(fcntl),
      SCM_NUMBER(flock),
      SCM_NUMBER(fstatfs),
      SCM_NUMBER(getpeername),
      SCM_NUMBER(getpid),
      SCM_NUMBER(getsockname),
      SCM_NUMBER(getsockopt),
      SCM_NUMBER(ioctl),
      SCM_NUMBER(listen),
      SCM_NUMBER(mq_getsetattr),
      SCM_NUMBER(openat),
      SCM_NUMBER(pidfd_send_signal),
      SCM_NUMBER(ppoll),
      SCM_NUMBER(read),
      SCM_NUMBER(recvmmsg),
      SCM_NUMBER(recvmsg),
      SCM_NUMBER(sendmmsg),
      SCM_NUMBER(sendmsg),
      SCM_NUMBER(setsockopt),
      SCM_NUMBER(socket),
      SCM_NUMBER(statfs),
      SCM_NUMBER(statx),
      SCM_NUMBER(waitid),
      {"newfstatat", {SYS_newfstatat, SYS_fstat}},
#ifdef SYS_readlink
      {"readlink", {SYS_readlink}},
      {"unlink", {SYS_unlink}},
#else
      {"readlink", {SYS_readlinkat}},
      {"unlink", {SYS_unlinkat}},
#endif
  };
  return all;
}
#undef SCM_NUMBER

test::seccomp_filter filter_of(const test::words& calls) {
  test::seccomp_filter filter;
  for (const std::string& name : calls) {
    for (const long number : numbers().at(name)) {
      // As the document says of their arguments.
      if (number == SYS_recvmsg) {
        filter.allow(number, 2, static_cast<std::uint32_t>(MSG_CMSG_CLOEXEC) | MSG_DONTWAIT);
      } else if (number == SYS_sendmsg) {
        filter.allow(number, 2, MSG_NOSIGNAL | MSG_DONTWAIT);
      } else if (number == SYS_recvmmsg) {
        filter.allow(number, 3, static_cast<std::uint32_t>(MSG_CMSG_CLOEXEC) | MSG_DONTWAIT | MSG_WAITFORONE);
      } else if (number == SYS_sendmmsg) {
        filter.allow(number, 3, MSG_NOSIGNAL | MSG_DONTWAIT);
      } else if (number == SYS_socket) {
        filter.allow(number, 0, AF_UNIX | AF_NETLINK);
      } else if (number == SYS_accept4) {
        filter.allow(number, 3, SOCK_CLOEXEC);
      } else {
        filter.allow(number);
      }
    }
  }
  for (const long number : {SYS_exit_group, SYS_clock_gettime, SYS_brk, SYS_mmap, SYS_munmap}) filter.allow(number);
#if SCM_SANITIZED
  for (const long number : {SYS_madvise, SYS_mprotect, SYS_mremap, SYS_futex, SYS_sched_yield, SYS_sigaltstack,
                            SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_gettid, SYS_write}) {
    filter.allow(number);
  }
#endif
  return filter;
}

std::array<std::byte, 64> buffer;

// None where this kernel has no message queues.
owned_fd message_queue() {
  const std::string name = "/scm-test-" + std::to_string(::getpid());
  owned_fd queue{::mq_open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600, nullptr)};
  ::mq_unlink(name.c_str());
  return queue;
}

template <class Channel>
bool arrives(Channel& at, std::size_t descriptors, deadline until = no_deadline) {
  const auto got = at.receive(buffer, descriptors, {.until = until});
  return got && got->descriptors.size() == descriptors;
}
template <class Channel>
bool times_out(Channel& at) {
  return at.receive(buffer, 0, {.until = in(1ms)}).error() == std::errc::timed_out;
}

// A pair that lives on in what is done with it.
template <class Channel>
std::shared_ptr<std::pair<Channel, Channel>> shared_pair() {
  return std::make_shared<std::pair<Channel, Channel>>(Channel::pair().value());
}

// Sets everything up, and returns what is done under the filter. Both run in a child.
using use = std::function<std::function<bool()>(const test::temporary_folder& where)>;

const std::map<std::string, use>& uses() {
  static const std::map<std::string, use> all{
      {"receives on a channel that it has",
       [](const test::temporary_folder&) {
         auto ends = shared_pair<seqpacket>();
         ends->first.send("x", {test::scratch_file().get()}).value();
         return [ends] { return arrives(ends->second, 1); };
       }},
      {"the same, more than one descriptor at a time",
       [](const test::temporary_folder&) {
         auto ends = shared_pair<seqpacket>();
         const owned_fd file = test::scratch_file();
         ends->first.send("x", {file.get(), file.get()}).value();
         ends->first.send("x", {file.get()}).value();
         return [ends] { return arrives(ends->second, 2) && arrives(ends->second, 1); };
       }},
      {"the same with a deadline, or datagrams",
       [](const test::temporary_folder&) {
         auto ends = shared_pair<datagram>();
         auto quiet = shared_pair<stream>();
         ends->first.send("x", {test::scratch_file().get()}).value();
         return [ends, quiet] { return arrives(ends->second, 1) && times_out(quiet->second); };
       }},
      {"the same on a channel that it inherits and adopts",
       [](const test::temporary_folder&) {
         auto ends = shared_pair<stream>();
         ends->first.send("x", {test::scratch_file().get()}).value();
         const int inherited = ::dup(ends->second.fd().native_handle());
         return [ends, inherited] {
           auto channel = stream::adopt(owned_fd{inherited});
           return channel && arrives(*channel, 1, in(1min)) && times_out(*channel);
         };
       }},
      {"sends on a channel that it has, with a deadline",
       [](const test::temporary_folder&) {
         auto receiver = std::make_shared<datagram>(datagram::bind(address::autobind()).value());
         auto sender = std::make_shared<datagram>(datagram::open().value());
         const address to = receiver->local_address().value();
         while (sender->send_to(to, "x", {}, {.until = dont_wait})) {
         }
         return [receiver, sender, to] {  // the kernel has no event for this
           return sender->send_to(to, "x", {}, {.until = in(1s)}).error() == std::errc::timed_out;
         };
       }},
      {"receives records on a channel that it has, and leaves descriptors in them",
       [](const test::temporary_folder&) {
         constexpr record_bounds bounds{100, 10, 0, 0};
         auto ends = shared_pair<stream>();
         auto from = std::make_shared<record_channel>(record_channel::make(std::move(ends->first), bounds).value());
         auto to = std::make_shared<record_channel>(record_channel::make(std::move(ends->second), bounds).value());
         const owned_fd file = test::scratch_file();
         from->send("x", {file.get(), file.get()}).value();
         from->send("x", {file.get()}).value();
         from->send("x").value();
         return [from, to] { return to->receive() && to->receive() && to->receive(); };
       }},
      {"makes a channel of records of a seqpacket socket, queues and sends, with a deadline",
       [](const test::temporary_folder&) {
         auto ends = shared_pair<seqpacket>();
         auto file = std::make_shared<owned_fd>(test::scratch_file());
         return [ends, file] {
           auto records = record_channel::make(std::move(ends->first), {100, 10, 1000, 10});
           if (!records || !records->queue("x", std::move(*file)) || !records->flush()) return false;
           for (;;) {
             const auto sent = records->send("y", {}, in(1ms));
             if (!sent) return sent.error() == std::errc::timed_out;
           }
         };
       }},
      {"connects with a deadline, sends and receives",
       [](const test::temporary_folder&) {
         auto server = std::make_shared<listener<stream>>(listener<stream>::bind(address::autobind()).value());
         const address to = server->local_address().value();
         return [server, to] {
           auto client = stream::connect(to, in(1min));
           return client && client->send("x") && times_out(*client);
         };
       }},
      {"accepts from a listener that it has, answers, and knows the peer",
       [](const test::temporary_folder&) {
         auto server = std::make_shared<listener<stream>>(listener<stream>::bind(address::autobind()).value());
         auto client = std::make_shared<stream>(stream::connect(server->local_address().value()).value());
         client->send("x").value();
         return [server, client] {
           auto accepted = server->accept(in(1min));
           if (!accepted || !arrives(*accepted, 0) || !accepted->send("y")) return false;
           return accepted->peer().process.value && server->accept(in(1ms)).error() == std::errc::timed_out;
         };
       }},
      {"binds at a path, replaces a stale file, and removes its own",
       [](const test::temporary_folder& where) {
         const address at = address::path(where / "socket").value();
         listener<stream>::bind(at).value().keep_file();
         return [at] { return listener<stream>::bind(at, {.file = {.replace_stale = true}}).has_value(); };
       }},
      {"receives batches, with a deadline or of datagrams",
       [](const test::temporary_folder&) {
         auto ends = shared_pair<seqpacket>();
         auto quiet = shared_pair<datagram>();
         auto batch = std::make_shared<receive_batch>(receive_batch::make(16, 8, 1).value());
         const owned_fd file = test::scratch_file();
         // So many that two have consecutive numbers, whatever is open.
         for (int i = 0; i != 16; ++i) ends->first.send("x", {file}).value();
         return [ends, quiet, batch] {
           if (batch->receive(ends->second).value_or(0) != 16) return false;
           (*batch)[0].content.descriptors.take(0).reset();
           batch->clear();  // the others, together
           return batch->receive(quiet->second, {.until = in(1ms)}).error() == std::errc::timed_out;
         };
       }},
      {"sends batches, with a deadline",
       [](const test::temporary_folder&) {
         auto receiver = std::make_shared<datagram>(datagram::bind(address::autobind()).value());
         auto sender = std::make_shared<datagram>(datagram::open().value());
         auto batch = std::make_shared<send_batch>(send_batch::make(64, 0).value());
         const auto to = std::make_shared<address>(receiver->local_address().value());
         while (batch->add("x", {}, {.to = to.get()})) {
         }
         return [receiver, sender, batch, to] {  // the kernel has no event for this
           return batch->send(*sender, in(1min)) && batch->send(*sender, in(1s)).error() == std::errc::timed_out;
         };
       }},
      {"receives descriptors and describes them",
       [](const test::temporary_folder&) {
         auto ends = shared_pair<seqpacket>();
         const owned_fd file = test::scratch_file();
         const owned_fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))};
         const owned_fd queue = message_queue();
         // Without message queues, and so without the need to tell one, a second file in its place.
         const borrowed_fd last = queue ? queue.get() : file.get();
         ends->first.send("x", {file.get(), pidfd.get(), ends->first.fd(), last}).value();
         return [ends] {
           const auto got = ends->second.receive(buffer, 4);
           if (!got) return false;
           for (std::size_t i = 0; i != 4; ++i) {
             if (!describe(got->descriptors[i])) return false;
           }
           return true;
         };
       }},
      {"asks the kernel by netlink on a socket that it has, one by one and together, and hears it with a deadline",
       [](const test::temporary_folder&) {
         auto socket = std::make_shared<netlink_socket>(netlink_socket::open(netlink_family::route).value());
         auto batch = std::make_shared<netlink_batch>(netlink_batch::make(4, 8192).value());
         auto requests = std::make_shared<netlink_requests>(netlink_requests::make(*socket, 1).value());
         return [socket, batch, requests] {
           const ifinfomsg loopback{0, 0, 0, 1, 0, 0};
           const auto bytes = std::as_bytes(std::span{&loopback, 1});
           const auto number = socket->request(RTM_GETLINK, 0, bytes);
           if (!number || !requests->add(RTM_GETLINK, 0, bytes) || !requests->send()) return false;
           netlink_reply reply{*socket, *batch, *number, in(1min)};
           const auto link = reply.next();
           if (!link || !*link) return false;
           while (socket->receive(*batch, dont_wait)) {
           }
           return socket->receive(*batch, in(1ms)).error() == std::errc::timed_out;
         };
       }},
      {"lists all Unix sockets",
       [](const test::temporary_folder&) {
         auto ends = shared_pair<stream>();
         return [ends] {
           const auto list = list_unix_sockets();
           return list && list->sockets.size() >= 2;
         };
       }},
      {"takes over what it was started with, and leaves some of it",
       [](const test::temporary_folder&) {
         // In a child: what else is at these numbers may go.
         const owned_fd file{::fcntl(test::scratch_file().native_handle(), F_DUPFD_CLOEXEC, 100)};
         for (int number = 3; number != 5; ++number) ::dup2(file.native_handle(), number);
         ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
         ::setenv("LISTEN_FDS", "2", 1);
         ::setenv("LISTEN_FDNAMES", "a:b", 1);
         return [] {
           auto passed = inherited::from_environment();
           return passed && passed->take("b");
         };
       }},
      {"waits for a child that it has, with a deadline, and ends it",
       [](const test::temporary_folder&) {
         const spawn_options asleep{.program = "/bin/sleep",
                                    .arguments = {"1000"},
                                    .output = standard_stream::null(),
                                    .parent_death_signal = SIGKILL};  // for the filter may end us first
         auto one = std::make_shared<child>(spawn(asleep).value());
         return [one] {
           const bool none = one->wait(in(1ms)).error() == std::errc::timed_out;
           return none && one->signal(SIGKILL) && one->wait(in(1min));
         };
       }},
  };
  return all;
}

// The status of a child that makes use of the library under a filter for these calls.
int status_under(const use& one, const test::words& calls) {
  const test::temporary_folder where;
  test::child child{[&] {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    const std::function<bool()> act = one(where);
    if (!filter_of(calls).install()) return false;
    ::_exit(act() ? 0 : 1);  // before what was set up is taken down
  }};
  return child.wait();
}

}  // namespace

TEST_CASE("each use works under a filter of what the document lists for it, and of nothing less",
          "[syscalls][no-valgrind]") {
  if (!test::has_seccomp()) SCM_SKIP("no seccomp, or not for this machine's architecture");
  auto rows = test::table_under("## By use", SCM_DOCS "/syscalls.md");
  for (const auto& [row, one] : uses()) {
    INFO("a process that " << row);
    REQUIRE(rows.contains(row));
    const test::words listed = std::exchange(rows[row], {});
    rows.erase(row);
    CHECK(status_under(one, listed) == 0);
    for (const std::string& missing : listed) {
      if (missing == "mq_getsetattr" && !message_queue()) continue;
      INFO("without " << missing);
      test::words rest = listed;
      rest.erase(missing);
      const int status = status_under(one, rest);
      CHECK(WIFSIGNALED(status));
      CHECK(WTERMSIG(status) == SIGSYS);
    }
  }
  for (const auto& [row, unused] : rows) FAIL_CHECK("nothing makes the use of the row " << row);
}
