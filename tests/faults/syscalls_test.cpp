// docs/syscalls.md against what the library does: each operation makes the calls of its row and no others.
#include "faults/confining.hpp"
#include "faults/foreign.hpp"
#include "faults/netlink.hpp"
#include "faults/starting.hpp"
#include "support/call_names.hpp"
#include "support/catch.hpp"
#include "support/document.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"
#include "support/temporary_folder.hpp"

#include <scm/batch.hpp>
#include <scm/channel.hpp>
#include <scm/frame.hpp>
#include <scm/inspect.hpp>
#include <scm/process.hpp>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using sys::call;
using test::made_call;

namespace {

// What glibc makes of a call on x86-64, with what is asked for; every socket is close-on-exec, which is not repeated.
std::string in_the_kernel(const made_call& made) {
  std::string text = test::spelled(made);
  if (made.which == call::socket || made.which == call::socketpair) {
    const std::string flag = "+SOCK_CLOEXEC";
    const auto at = text.find(flag);
    if (at == std::string::npos) return text + " without SOCK_CLOEXEC";
    return text.erase(at, flag.size());
  }
  switch (made.which) {
    case call::eventfd:
      return "eventfd2";
    case call::fstat:
    case call::lstat:
      return "newfstatat";
    case call::getrlimit:
    case call::setrlimit:
      return "prlimit64";
    case call::mq_getattr:
      return "mq_getsetattr";
    case call::open:
      return "openat";
    case call::poll:
      return "ppoll";
    default:
      return text;
  }
}

// Collects what is asked of the kernel, or of `instead`, which may answer in its place.
class collected {
 public:
  void operator()(const std::function<void()>& act, test::faults::hook instead = nullptr) {
    const test::faults watching{[&](call which, void* argument, long& result) {
      made_.insert(in_the_kernel(made_call::seen(which, argument)));
      return instead && instead(which, argument, result);
    }};
    act();
  }
  // What these calls add to those of another collection.
  void add_difference(const collected& more, const collected& than) {
    for (const std::string& one : more.made_) {
      if (!than.made_.contains(one)) made_.insert(one);
    }
  }
  [[nodiscard]] const test::words& made() const { return made_; }

 private:
  test::words made_;
};

// Fails the calls of a list, in their order and once each.
test::faults::hook failing_once(std::vector<std::pair<call, int>> list) {
  return [list = std::move(list)](call which, void*, long& result) mutable {
    if (list.empty() || list.front().first != which) return false;
    errno = list.front().second;
    result = -1;
    list.erase(list.begin());
    return true;
  };
}

// Says that every socket option is there, such as those of a security module.
bool with_every_option(call which, void*, long& result) {
  if (which != call::getsockopt && which != call::setsockopt) return false;
  result = 0;
  return true;
}

// Answers statx with an object that a test cannot come by everywhere.
test::faults::hook taken_for(unsigned mode, std::uint64_t size) {
  return [mode, size](call which, void* argument, long& result) {
    if (which != call::statx) return false;
    auto& status = *static_cast<struct statx*>(argument);
    status = {};
    status.stx_mode = static_cast<decltype(status.stx_mode)>(mode);
    status.stx_size = size;
    status.stx_nlink = 1;
    result = 0;
    return true;
  };
}

// Grants what a process asks to have taken away, and does nothing.
test::faults::hook in_place_of_the_kernel() {
  return [groups = 1, capabilities = ~std::uint64_t{0}](call which, void* argument, long& result) mutable {
    result = 0;
    switch (which) {
      case call::unshare:
        errno = EPERM;
        result = -1;
        return true;
      case call::getgroups:
        result = std::exchange(groups, 0);
        return true;
      case call::capget:
        static_cast<sys::capability_sets*>(argument)->effective = std::exchange(capabilities, 0);
        return true;
      case call::prctl:
        if (*static_cast<int*>(argument) == PR_GET_NO_NEW_PRIVS) result = 1;
        return true;
      case call::landlock_create_ruleset:
        result = argument == nullptr ? uapi::landlock_known : test::something().release();
        return true;
      case call::capset:
      case call::landlock_add_rule:
      case call::landlock_restrict_self:
      case call::setgroups:
      case call::setresgid:
      case call::setresuid:
        return true;
      default:
        return false;
    }
  };
}

std::array<std::byte, 64> buffer;

address chosen(const detail::listening_socket& at) { return at.local_address().value(); }
address in_folder(const test::temporary_folder& where) { return address::path(where / "socket").value(); }

// What is kept here is destroyed when nobody counts.
template <class T, class E>
void keep(std::optional<T>& into, result<T, E>&& made) {
  if (made) into.emplace(std::move(*made));
}

template <class Channel>
void pair_of(collected& of) {
  std::optional<std::pair<Channel, Channel>> ends;
  of([&] { keep(ends, Channel::pair()); });
}

template <class Channel>
void connect(collected& of, deadline until) {
  const auto server = listener<Channel>::bind(address::autobind()).value();
  const address to = chosen(server);
  std::optional<Channel> client;
  of([&] { keep(client, Channel::connect(to, until)); });
}

template <class Channel>
void connect_with(collected& of, const channel_options& options) {
  of([&] { (void)Channel::connect(address::abstract("nobody is here").value(), no_deadline, options); },
     with_every_option);
}

template <class Channel>
void bind_listener(collected& of, const address& at, const bind_options& file = {}) {
  std::optional<listener<Channel>> server;
  of([&] { keep(server, listener<Channel>::bind(at, {.file = file})); });
}

template <class Channel>
void adopt(collected& of) {
  auto [left, right] = Channel::pair().value();
  owned_fd copy{::dup(left.fd().native_handle())};
  std::optional<Channel> adopted;
  of([&] { keep(adopted, Channel::adopt(std::move(copy))); });
}

template <class Channel>
void accept(collected& of, receive_item item) {
  // As if the kernel had the item: an older one need not.
  auto server = [item] {
    const test::faults lenient{with_every_option};
    return listener<Channel>::bind(address::autobind(), {.channel = {.items = {item}}}).value();
  }();
  const auto client = Channel::connect(chosen(server)).value();
  std::optional<Channel> accepted;
  of([&] { keep(accepted, server.accept(in(1min))); }, failing_once({{call::accept4, EAGAIN}}));
}

void ask_for_links(collected& of, std::vector<std::pair<call, int>> failures) {
  auto socket = netlink_socket::open(netlink_family::route).value();
  auto batch = netlink_batch::make(2, limits::netlink_datagram_bytes).value();
  of([&] { (void)test::links_of(socket, batch, in(1min)); }, failing_once(std::move(failures)));
}

template <class Channel>
void send(collected& of, deadline until, std::vector<std::pair<call, int>> failures = {}) {
  auto [left, right] = Channel::pair().value();
  const owned_fd file = test::scratch_file();
  of([&left, &file, until] { (void)left.send("x", {file}, {.until = until}); }, failing_once(std::move(failures)));
}

template <class Channel>
void receive(collected& of, const receive_options& options, std::vector<std::pair<call, int>> failures = {}) {
  auto [left, right] = Channel::pair().value();
  const owned_fd file = test::scratch_file();
  REQUIRE(left.send("x", {file}));
  std::optional<message> got;
  of([&right, &got, &options] { keep(got, right.receive(buffer, 1, options)); }, failing_once(std::move(failures)));
}

template <class Channel>
void send_batched(collected& of, deadline until, std::vector<std::pair<call, int>> failures = {}) {
  auto [left, right] = Channel::pair().value();
  auto batch = send_batch::make(2, 1).value();
  const owned_fd file = test::scratch_file();
  REQUIRE(batch.add("x", file.get()));
  REQUIRE(batch.add("y", file.get()));
  of([&left, &batch, until] { (void)batch.send(left, until); }, failing_once(std::move(failures)));
}

template <class Channel>
void receive_batched(collected& of, const receive_options& options, std::vector<std::pair<call, int>> failures = {}) {
  auto [left, right] = Channel::pair().value();
  auto batch = receive_batch::make(2, 8, 1).value();
  const owned_fd file = test::scratch_file();
  REQUIRE(left.send("x", {file}));
  of([&right, &batch, &options] { (void)batch.receive(right, options); }, failing_once(std::move(failures)));
}

constexpr record_bounds record_room{1 << 20, 1000, 1 << 20, 1000};

// What is left of a pair when one end of it is a channel of records: both ends, so that neither is closed while
// counted.
template <class Channel>
struct record_ends {
  std::pair<Channel, Channel> ends = Channel::pair().value();
  record_channel left = record_channel::make(std::move(ends.first), record_room).value();
  record_channel right = record_channel::make(std::move(ends.second), record_room).value();
  owned_fd file = test::scratch_file();
};

template <class Channel>
void send_records(collected& of, deadline until, const std::vector<std::pair<call, int>>& failures = {}) {
  record_ends<Channel> at;
  const borrowed_fd files[] = {at.file};
  const outgoing_record many[] = {{"one", files}, {"two"}};
  of([&] { (void)at.left.send("x", {at.file}, until); }, failing_once(failures));
  of([&] { (void)at.left.send_many(many, until); }, failing_once(failures));
  of([&] { (void)at.left.queue("x", test::scratch_file()); });
  of([&] { (void)at.left.flush(until); }, failing_once(failures));
}

template <class Channel>
void receive_records(collected& of, const std::vector<std::pair<call, int>>& failures = {}) {
  record_ends<Channel> at;
  const borrowed_fd files[] = {at.file, at.file};
  const outgoing_record many[] = {{"one", files}, {"two"}};
  REQUIRE(at.left.send_many(many));
  of(
      [&at] {
        while (at.right.receive({.until = in(1ms)})) {
        }
        (void)at.right.try_receive();
      },
      failing_once(failures));
}

template <class Channel>
void shut_records_down(collected& of) {
  record_ends<Channel> at;
  REQUIRE(at.left.queue("x"));
  of([&at] { (void)at.left.shutdown_send(); });
}

template <class Channel>
void make_records(collected& of) {
  auto ends = Channel::pair().value();
  std::optional<record_channel> made;
  of([&] { keep(made, record_channel::make(std::move(ends.first), record_room)); });
}

// With descriptors that are in each other's way.
void start(collected& of, const spawn_options& more) {
  const owned_fd file{::fcntl(1, F_DUPFD_CLOEXEC, 0)};
  spawn_options options = more;
  options.descriptors.assign(64, {"x", file});
  of([&] { (void)spawn(options); });
  while (::waitpid(-1, nullptr, __WALL) > 0) {
  }
}

void start_watched(collected& of, call_watcher by) {
  static constexpr sock_filter everything[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  collected bare, watched;
  const spawn_options options{.program = "/nowhere", .no_new_privileges = by == call_watcher::listener};
  bare([] { (void)spawn({.program = "/nowhere"}); });
  watched([&] { (void)spawn_watched(options, everything, by); });
  of.add_difference(watched, bare);
}

void take_over(collected& of) {
  const test::occupied_number passed{3, 0};
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", "1", 1);
  of([] { (void)inherited::from_environment(); });
}

void restrict_somehow(collected& of) {
  const owned_fd folder{::open("/", O_PATH | O_CLOEXEC)};
  of([&] { (void)restrict_access({.files = {{folder, may_read}}}); }, in_place_of_the_kernel());
}

struct operation {
  const char* row;  // the first column of the document's table
  void (*run)(collected& of);
};

constexpr operation operations[] = {
    {"`duplicate`",
     [](collected& of) {
       const owned_fd file = test::scratch_file();
       std::optional<owned_fd> copy;
       of([&] { keep(copy, duplicate(file)); });
     }},
    {"what dies with a descriptor in it",
     [](collected& of) {
       std::optional<owned_fd> file{test::scratch_file()};
       std::optional<descriptor_list> list{std::in_place};
       REQUIRE(list->adopt(test::scratch_file()));
       std::optional<std::pair<stream, stream>> ends{stream::pair().value()};
       of([&] {
         file.reset();
         list.reset();
         ends.reset();
       });
     }},
    {"`describe`",
     [](collected& of) {
       for (const test::example& one : test::one_of_each_kind()) of([&] { (void)describe(one.fd); });
       const owned_fd file = test::scratch_file();
       of([&] { (void)describe(file); }, taken_for(S_IFBLK, 0));
       of([&] { (void)describe(file); }, taken_for(S_IFREG, 80));  // as large as a message queue
     }},
    {"`admit`, and what a `receive` with an admission adds",
     [](collected& of) {
       const auto agreed = parse_expectation("any,size>=0,flags!=append").value();
       const auto of_sockets = parse_expectation("family=unix,type=stream,listening=no").value();
       for (const test::example& one : test::one_of_each_kind()) of([&] { (void)admit(one.fd, agreed); });
       const auto ends = stream::pair().value();
       of([&] { (void)admit(ends.first.fd(), of_sockets); });
       const owned_fd file = test::scratch_file();
       of([&] { (void)admit(file, agreed); }, taken_for(S_IFBLK, 0));
       of([&] { (void)admit(file, agreed); }, taken_for(S_IFREG, 80));
     }},
    {"a message of another process, and its payload",
     [](collected& of) {
       test::own_message message;
       process_memory memory{::getpid()};
       of([&] {
         std::array<std::byte, 4> payload;
         const auto sent = foreign_message::read(memory, message.address(), abi::native, message_use::send);
         if (sent) (void)sent->read_payload(memory, payload);
       });
     }},
    {"the answer to it",
     [](collected& of) {
       test::own_message message;
       process_memory memory{::getpid()};
       const auto sent = foreign_message::read(memory, message.address(), abi::native, message_use::send).value();
       of([&] {
         (void)sent.write_back(memory, {.flags = MSG_EOR});
         (void)sent.write_length(memory, 1);
       });
     }},
    {"`pair`",
     [](collected& of) {
       pair_of<stream>(of);
       pair_of<datagram>(of);
       pair_of<seqpacket>(of);
     }},
    {"`connect`",
     [](collected& of) {
       connect<stream>(of, no_deadline);
       connect<seqpacket>(of, no_deadline);
       const auto receiver = datagram::bind(address::autobind()).value();
       const address to = receiver.local_address().value();
       std::optional<datagram> sender;
       of([&] { keep(sender, datagram::connect(to)); });
     }},
    {"`connect` with a deadline",
     [](collected& of) {
       connect<stream>(of, in(1min));
       connect<seqpacket>(of, in(1min));
     }},
    {"`connect` with `dont_wait`",
     [](collected& of) {
       connect<stream>(of, dont_wait);
       connect<seqpacket>(of, dont_wait);
     }},
    {"`datagram::open`",
     [](collected& of) {
       std::optional<datagram> made;
       of([&] { keep(made, datagram::open()); });
     }},
    {"`channel_options` of any of these add",
     [](collected& of) {
       using enum receive_item;
       collected with, without;
       connect_with<stream>(with, {.items = {queued_bytes}, .accept_descriptors = false});
       connect_with<seqpacket>(with, {.items = {credentials, pidfd, label, timestamp}});
       connect_with<stream>(without, {});
       connect_with<seqpacket>(without, {});
       of.add_difference(with, without);
     }},
    {"`listener::bind`, `datagram::bind`",
     [](collected& of) {
       bind_listener<stream>(of, address::autobind());
       bind_listener<seqpacket>(of, address::autobind());
       std::optional<datagram> bound;
       of([&] { keep(bound, datagram::bind(address::autobind())); });
     }},
    {"`bind` to a path adds",
     [](collected& of) {
       const test::temporary_folder where;
       collected path, name;
       bind_listener<stream>(path, in_folder(where));
       bind_listener<stream>(name, address::autobind());
       of.add_difference(path, name);
     }},
    {"`bind` with `replace_stale` adds to that",
     [](collected& of) {
       const test::temporary_folder where;
       const test::temporary_folder elsewhere;
       collected stale, path;
       listener<stream>::bind(in_folder(where)).value().keep_file();
       bind_listener<stream>(stale, in_folder(where), {.replace_stale = true});
       bind_listener<stream>(path, in_folder(elsewhere));
       of.add_difference(stale, path);
     }},
    {"a listener or datagram with a path, when it dies",
     [](collected& of) {
       const test::temporary_folder where;
       auto server =
           std::make_optional(listener<stream>::bind(in_folder(where), {.file = {.replace_stale = true}}).value());
       of([&] { server.reset(); });
     }},
    {"`adopt` of a channel",
     [](collected& of) {
       adopt<stream>(of);
       adopt<datagram>(of);
       adopt<seqpacket>(of);
     }},
    {"`adopt` of a listener",
     [](collected& of) {
       const auto server = listener<stream>::bind(address::autobind()).value();
       owned_fd copy{::dup(server.fd().native_handle())};
       std::optional<listener<stream>> adopted;
       of([&] { keep(adopted, listener<stream>::adopt(std::move(copy))); });
     }},
    {"`accept` adds to `adopt` of a channel",
     [](collected& of) {
       collected accepting, adopting;
       accept<stream>(accepting, receive_item::queued_bytes);
       accept<seqpacket>(accepting, receive_item::timestamp);
       adopt<stream>(adopting);
       adopt<seqpacket>(adopting);
       of.add_difference(accepting, adopting);
     }},
    {"`send`, `try_send`, `send_all`, `send_owned`, `send_to`",
     [](collected& of) {
       send<stream>(of, no_deadline);
       send<datagram>(of, dont_wait);
       send<seqpacket>(of, dont_wait);
     }},
    {"a send that must wait",
     [](collected& of) {
       send<stream>(of, no_deadline, {{call::sendmsg, EAGAIN}});
       send<seqpacket>(of, in(1min), {{call::sendmsg, EAGAIN}, {call::sendmsg, ETOOMANYREFS}});
     }},
    {"`receive`, `try_receive`, `receive_partial`",
     [](collected& of) {
       receive<stream>(of, {});
       receive<datagram>(of, {.until = dont_wait});
       receive<seqpacket>(of, {});
     }},
    {"a receive that must wait, and each of a datagram",
     [](collected& of) {
       receive<seqpacket>(of, {.until = in(1min)}, {{call::recvmsg, EAGAIN}});
       receive<datagram>(of, {}, {{call::recvmsg, EAGAIN}});
     }},
    {"a receive with a reserve",
     [](collected& of) {
       receive<seqpacket>(of, {.reserve = 1});
       receive<seqpacket>(of, {.reserve = 1}, {{call::lstat, ENOENT}});
     }},
    {"`set`",
     [](collected& of) {
       auto [left, right] = stream::pair().value();
       auto [one, other] = seqpacket::pair().value();
       for (const receive_item item : all_receive_items) {
         of([&left, item] { (void)left.set(item, true); }, with_every_option);
         of([&one, item] { (void)one.set(item, true); }, with_every_option);
       }
     }},
    {"`accept_descriptors`",
     [](collected& of) {
       auto [left, right] = stream::pair().value();
       of([&left] { (void)left.accept_descriptors(true); });
     }},
    {"`set_send_buffer`, `set_receive_buffer`",
     [](collected& of) {
       auto [left, right] = stream::pair().value();
       of([&left] {
         (void)left.set_send_buffer(1 << 16);
         (void)left.set_receive_buffer(1 << 16);
       });
     }},
    {"`shutdown_send`",
     [](collected& of) {
       auto [left, right] = stream::pair().value();
       of([&left] { (void)left.shutdown_send(); });
     }},
    {"`peer`",
     [](collected& of) {
       auto [left, right] = stream::pair().value();
       of([&left] { (void)left.peer(); });
     }},
    {"`connected_by`",
     [](collected& of) {
       auto [left, right] = stream::pair().value();
       of([&left] { (void)left.connected_by(); });
     }},
    {"`local_address`, `peer_address`",
     [](collected& of) {
       auto [left, right] = stream::pair().value();
       const auto server = listener<stream>::bind(address::autobind()).value();
       of([&left, &server] {
         (void)left.local_address();
         (void)left.peer_address();
         (void)server.local_address();
       });
     }},
    {"`watch`",
     [](collected& calls) {
       auto [left, right] = seqpacket::pair().value();
       calls([&] { (void)watch(left.fd(), readiness::receivable); });
     }},
    {"a batch sent",
     [](collected& of) {
       send_batched<datagram>(of, dont_wait);
       send_batched<seqpacket>(of, no_deadline);
     }},
    {"a batch sent that must wait",
     [](collected& of) {
       send_batched<datagram>(of, no_deadline, {{call::sendmmsg, EAGAIN}});
       send_batched<seqpacket>(of, in(1min), {{call::sendmmsg, EAGAIN}, {call::sendmmsg, ETOOMANYREFS}});
     }},
    {"a batch received",
     [](collected& of) {
       receive_batched<datagram>(of, {.until = dont_wait});
       receive_batched<seqpacket>(of, {});
     }},
    {"a batch received that must wait, and each of datagrams",
     [](collected& of) {
       receive_batched<seqpacket>(of, {.until = in(1min)}, {{call::recvmmsg, EAGAIN}});
       receive_batched<datagram>(of, {}, {{call::recvmmsg, EAGAIN}});
     }},
    {"a batch received with a reserve",
     [](collected& of) {
       receive_batched<seqpacket>(of, {.reserve = 1});
       receive_batched<seqpacket>(of, {.reserve = 1}, {{call::lstat, ENOENT}});
       receive_batched<seqpacket>(of, {.reserve = 1}, {{call::getrlimit, EPERM}});
     }},
    {"`netlink_socket::open`",
     [](collected& of) {
       std::optional<netlink_socket> made;
       of([&] { keep(made, netlink_socket::open(netlink_family::route, {.receive_buffer = 1 << 16})); });
       of([&] { keep(made, netlink_socket::open(netlink_family::uevent, {.credentials = true})); });
       // As if forcing the buffer were not permitted: the second call does without the two options.
       of(
           [&] {
             keep(made,
                  netlink_socket::open(netlink_family::route,
                                       {.receive_buffer = 1 << 16, .extended_acks = false, .strict_checking = false}));
           },
           failing_once({{call::setsockopt, EPERM}}));
     }},
    {"`open_in` of another network namespace adds",
     [](collected& of) {
       std::optional<netlink_socket> made;
       collected there, here;
       const auto granted = [](call which, void*, long& result) {
         result = 0;
         return which == call::setns;
       };
       there([&] { keep(made, netlink_socket::open_in("/proc/self/ns/net", netlink_family::route)); }, granted);
       here([&] { keep(made, netlink_socket::open(netlink_family::route)); });
       of.add_difference(there, here);
     }},
    {"`join`, `leave` of a netlink group",
     [](collected& of) {
       auto socket = netlink_socket::open(netlink_family::route).value();
       of([&] {
         (void)socket.join(RTNLGRP_LINK);
         (void)socket.leave(RTNLGRP_LINK);
       });
     }},
    {"a netlink request, and its answer", [](collected& of) { ask_for_links(of, {}); }},
    {"netlink requests sent together",
     [](collected& of) {
       auto socket = netlink_socket::open(netlink_family::route).value();
       auto requests = netlink_requests::make(socket, 2).value();
       const ifinfomsg none{};
       for (int i = 0; i != 2; ++i) requests.add(RTM_GETLINK, 0, std::as_bytes(std::span{&none, 1})).value();
       of([&] { (void)requests.send(in(1min)); }, failing_once({{call::sendmmsg, EAGAIN}}));
     }},
    {"the same when it must wait",
     [](collected& of) { ask_for_links(of, {{call::sendmsg, EAGAIN}, {call::recvmmsg, EAGAIN}}); }},
    {"`list_unix_sockets`",
     [](collected& of) { of([] { (void)list_unix_sockets(); }, failing_once({{call::recvmmsg, EAGAIN}})); }},
    {"`record_channel::make`",
     [](collected& of) {
       make_records<stream>(of);
       make_records<seqpacket>(of);
     }},
    {"`send`, `send_many`, `queue`, `flush` of records",
     [](collected& of) {
       send_records<stream>(of, no_deadline);
       send_records<seqpacket>(of, in(1min), {{call::sendmsg, EAGAIN}, {call::sendmsg, ETOOMANYREFS}});
     }},
    {"`receive`, `try_receive` of records",
     [](collected& of) {
       receive_records<stream>(of);
       receive_records<seqpacket>(of, {{call::recvmsg, EAGAIN}});
     }},
    {"`shutdown_send` of records",
     [](collected& of) {
       shut_records_down<stream>(of);
       shut_records_down<seqpacket>(of);
     }},
    {"`spawn`", [](collected& of) { start(of, {.program = "/nowhere"}); }},
    {"`spawn_options` of it add",
     [](collected& of) {
       collected bare, full;
       const owned_fd folder{::open("/", O_PATH | O_CLOEXEC)};
       start(bare, {.program = "/nowhere"});
       start(full, {.program = "/nowhere",
                    .directory_fd = folder,
                    .directory = "/",
                    .input = standard_stream::null(),
                    .limits = {{RLIMIT_CORE, 0, 0}},
                    .no_new_privileges = true,
                    .parent_death_signal = SIGTERM});
       of.add_difference(full, bare);
     }},
    {"`spawn_watched` with a listener adds to `spawn`",
     [](collected& of) { start_watched(of, call_watcher::listener); }},
    {"`spawn_watched` with a tracer adds to `spawn`", [](collected& of) { start_watched(of, call_watcher::tracer); }},
    {"`spawn` as somebody else adds",
     [](collected& of) {
       collected bare, full;
       start(bare, {.program = "/nowhere"});
       const auto granted = [](call which, void*, long& result) {
         result = 0;
         return which == call::setgroups || which == call::setresgid || which == call::setresuid;
       };
       full([] { (void)spawn({.program = "/nowhere", .descriptors = {{"x", borrowed_fd{1}}}, .as = run_as{0, 0}}); },
            granted);
       of.add_difference(full, bare);
     }},
    {"`wait` for a child",
     [](collected& of) {
       auto one = spawn({.program = "/bin/true"}).value();
       of([&] { (void)one.wait(); });
     }},
    {"the same with a deadline",
     [](collected& of) {
       auto one = spawn({.program = "/bin/true"}).value();
       of([&] { (void)one.wait(in(1min)); });
     }},
    {"`signal` to a child",
     [](collected& of) {
       auto one = spawn({.program = "/bin/true"}).value();
       of([&] { (void)one.signal(SIGCONT); });
     }},
    {"a child that is let go of",
     [](collected& of) {
       std::optional one{spawn({.program = "/bin/true"}).value()};
       of([&] { one.reset(); });
     }},
    {"`inherited::from_environment`", take_over},
    {"`forbid_dumping`",
     [](collected& of) {
       of([] { (void)forbid_dumping(); });
       ::prctl(PR_SET_DUMPABLE, 1);
     }},
    {"`drop_groups`", [](collected& of) { of([] { (void)drop_groups(); }, in_place_of_the_kernel()); }},
    {"`drop_capabilities`", [](collected& of) { of([] { (void)drop_capabilities(); }, in_place_of_the_kernel()); }},
    {"`restrict_access`", restrict_somehow},
    {"`confine` adds to these three",
     [](collected& of) {
       collected parts, whole;
       parts([] { (void)drop_groups(); }, in_place_of_the_kernel());
       parts([] { (void)drop_capabilities(); }, in_place_of_the_kernel());
       restrict_somehow(parts);
       whole([] { (void)confine({.as = run_as{0, 0}}); }, in_place_of_the_kernel());
       whole([] { (void)confine({}); }, in_place_of_the_kernel());
       of.add_difference(whole, parts);
     }},
    {"`shared_memory::make`",
     [](collected& of) {
       std::optional<shared_memory> made;
       of([&] { made = shared_memory::make("memory", 1).value(); });
     }},
    {"`shared_memory::map` adds to `admit`",
     [](collected& of) {
       const auto made = shared_memory::make("memory", 1).value();
       owned_fd received = duplicate(made.fd()).value();
       std::optional<shared_memory> mapped;
       collected admitting;
       admitting([&] { (void)admit(received, {.size = size_range{}}); });
       collected mapping;
       mapping([&] { mapped = shared_memory::map(std::move(received)).value(); });
       of.add_difference(mapping, admitting);
     }},
    {"shared memory that dies",
     [](collected& of) {
       std::optional<shared_memory> made{shared_memory::make("memory", 1).value()};
       of([&] { made.reset(); });
     }},
    {"`event::make`",
     [](collected& of) {
       std::optional<event> made;
       of([&] { made = event::make().value(); });
     }},
    {"`signal`, `take` of an event",
     [](collected& of) {
       auto one = event::make().value();
       of([&] { (void)one.signal(); });
       of([&] { (void)one.take(); });
       of([&] { (void)one.take(dont_wait); });
     }},
};

std::string listed(const test::words& all) {
  std::string text;
  for (const std::string& one : all) text += "\n  " + one;
  return text;
}

}  // namespace

TEST_CASE("each operation makes the system calls that the document lists for it, and all of them",
          "[syscalls][no-valgrind]") {
  auto rows = test::table_under("## By operation", SCM_DOCS "/syscalls.md");
  for (const operation& one : operations) {
    INFO(one.row);
    collected of;
    one.run(of);
    test::words made = of.made();
    if (made.size() > 1) made.erase("close");  // which the document allows to all
    made.erase("close_range");
    REQUIRE(rows.contains(one.row));
    INFO("made:" << listed(made));
    INFO("in the document:" << listed(rows[one.row]));
    CHECK(made == rows[one.row]);
    rows.erase(one.row);
  }
  for (const auto& [row, unused] : rows) FAIL_CHECK("no operation for the row " << row);
}
