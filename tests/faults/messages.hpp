// Scenarios: messages out and in, alone and in a whole conversation.
#pragma once

#include "faults/use.hpp"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace scm::test {

// One message with so many descriptors has arrived, or none at all.
template <class Channel>
void check_arrived(Channel& at, bool whole, std::size_t descriptors) {
  if (!whole) return check_silence(at);
  const auto got = at.try_receive(room(), descriptors);
  REQUIRE(got);
  CHECK(got->size == 5);
  CHECK(got->descriptors.size() == descriptors);
}

template <class Channel>
scenario sending(std::size_t count, waits how, std::optional<int> stumble = {}) {
  scenario made{name_of_type<Channel>() + " send of " + std::to_string(count) + ' ' + name_of(how) +
                    (stumble ? ", the second time after " + std::to_string(*stumble) : ""),
                {},
                how};
  made.run = [count, how](const ordeal& under) {
    auto [left, right] = Channel::pair().value();
    const owned_fd file = something();
    const std::vector<borrowed_fd> files(count, file);
    std::size_t taken = 5;
    const auto code = under([&] {
      const auto sent =
          how == waits::never ? left.try_send("hello", files) : left.send("hello", files, {.until = deadline_of(how)});
      taken = sent ? *sent : sent.error().bytes_sent + sent.error().descriptors_sent;
      return code_of(sent);
    });
    CHECK(taken == (code ? 0 : 5));
    check_arrived(right, !code, count);
    check_exchange(left, right);
    return code;
  };
  if (stumble) made.stumble = {sys::call::sendmsg, *stumble};
  return made;
}

template <class Channel>
scenario sending_owned(bool list) {
  return {name_of_type<Channel>() + " send_owned of " + (list ? "a list" : "one"), [list](const ordeal& under) {
            auto [left, right] = Channel::pair().value();
            owned_fd one = something();
            descriptor_list three;
            while (three.size() != 3) REQUIRE(three.adopt(something()));
            const auto code =
                under([&] { return code_of(list ? left.send_owned("hello", three) : left.send_owned("hello", one)); });
            if (list) CHECK(three.size() == (code ? 3 : 0));  // on error still the caller's
            if (!list) CHECK(static_cast<bool>(one) == static_cast<bool>(code));
            check_arrived(right, !code, list ? 3 : 1);
            check_exchange(left, right);
            return code;
          }};
}

inline scenario sending_all(std::size_t count) {
  return {"stream send_all of 2500 buffers and " + std::to_string(count) + " descriptors",
          [count](const ordeal& under) {
            auto [left, right] = stream::pair().value();
            const owned_fd file = something();
            const std::vector<borrowed_fd> files(count, file);
            const std::vector<const_buffer> parts(2500, const_buffer{"x"});  // three messages
            send_error progress{{}, 2500, count};
            const auto code = under([&] {
              const auto sent = left.send_all(parts, files);
              if (!sent) progress = sent.error();
              return code_of(sent);
            });
            std::size_t bytes = 0;
            std::size_t descriptors = 0;
            while (const auto got = right.try_receive(room(), 253)) {
              bytes += got->size;
              descriptors += got->descriptors.size();
            }
            CHECK(bytes == progress.bytes_sent);
            CHECK(descriptors == progress.descriptors_sent);
            CHECK((descriptors == count || (bytes == 0 && descriptors == 0)));
            check_exchange(left, right);
            return code;
          }};
}

inline scenario sending_to_an_address(waits how, std::optional<int> stumble = {}) {
  scenario made{"datagram send_to " + name_of(how) + (stumble ? ", the second time" : ""), {}, how};
  made.run = [how](const ordeal& under) {
    auto receiver = datagram::bind(address::autobind()).value();
    const address to = receiver.local_address().value();
    auto sender = datagram::open().value();
    const owned_fd file = something();
    const auto code = under([&] { return code_of(sender.send_to(to, "hello", {file}, {.until = deadline_of(how)})); });
    check_arrived(receiver, !code, 1);
    CHECK(sender.send_to(to, "hello", {file}));
    check_arrived(receiver, true, 1);
    return code;
  };
  if (stumble) made.stumble = {sys::call::sendmsg, *stumble};
  return made;
}

struct receiving_options {
  waits how = waits::forever;
  std::optional<std::size_t> reserve{};
  bool items = false;
  bool partial = false;
  std::optional<int> stumble{};
};

template <class Channel>
scenario receiving(std::size_t count, const receiving_options& o = {}) {
  scenario made{name_of_type<Channel>() + (o.partial ? " receive_partial of " : " receive of ") +
                    std::to_string(count) + ' ' + name_of(o.how) + (o.reserve ? ", with a reserve" : "") +
                    (o.items ? ", with every item" : "") + (o.stumble ? ", the second time" : ""),
                {},
                o.how};
  made.run = [count, o](const ordeal& under) {
    auto [left, right] = Channel::pair().value();
    if (o.items) {
      for (const receive_item item : all_receive_items) (void)right.set(item, true);
    }
    const owned_fd file = something();
    REQUIRE(left.send("hello", std::vector<borrowed_fd>(count, file)));
    std::optional<message> got;
    const auto code = under([&] {
      const receive_options options{.until = deadline_of(o.how), .reserve = o.reserve};
      return keep(got,
                  o.partial ? right.receive_partial(room(), count, options) : right.receive(room(), count, options));
    });
    CHECK(got.has_value() == !code);
    if (got) {
      CHECK(got->size == 5);
      CHECK(got->descriptors.size() == count);
      CHECK(got->sender.has_value() == o.items);
    }
    check_arrived(right, static_cast<bool>(code), count);  // an error of the system costs no message
    check_exchange(left, right);
    return code;
  };
  if (o.stumble) {
    made.stumble = {sys::call::recvmsg, *o.stumble};
    // Whether the socket was shut down is not insisted on, which only datagrams ask.
    if (std::same_as<Channel, datagram>) made.exceptions.push_back({unmoved, sys::call::poll, {}, {}, 1});
  }
  if (o.reserve) {
    // The size of /proc/self/fd is a short cut, and a number that cannot be asked about is a free one.
    made.exceptions.push_back({unmoved, sys::call::lstat});
    made.exceptions.push_back({unmoved, sys::call::fcntl});
  }
  return made;
}

// Waiting for a message that does not come: what is looked at for the end of a datagram socket.
inline scenario shut_down_datagram() {
  scenario made{"receive from a datagram socket that was shut down",
                [](const ordeal& under) {
                  auto [left, right] = datagram::pair().value();
                  REQUIRE(::shutdown(right.fd().native_handle(), SHUT_RD) == 0);
                  const auto code = under([&] { return code_of(right.try_receive(room(), 1)); });
                  CHECK(right.try_receive(room(), 1).error() == errc::end_of_file);
                  return code;
                },
                waits::never};
  made.exceptions = {{unmoved, sys::call::recvmsg, {}, EAGAIN},
                     {answers({EAGAIN, std::system_category()}), sys::call::poll}};
  return made;
}

template <class Channel>
scenario conversing() {
  scenario made{name_of_type<Channel>() + " client and server, from bind to end of file", [](const ordeal& under) {
                  const temporary_folder& where = empty_folder();
                  const address at = address::path(where / "socket").value();
                  const owned_fd file = something();
                  std::optional<listener<Channel>> server;
                  std::optional<Channel> client;
                  std::optional<Channel> accepted;
                  std::optional<message> there;
                  std::optional<message> back;
                  bool ended = false;
                  const auto code = under([&]() -> std::error_code {
                    if (const auto e = keep(server, listener<Channel>::bind(at))) return e;
                    if (const auto e = keep(client, Channel::connect(at))) return e;
                    if (const auto e = keep(accepted, server->accept())) return e;
                    const peer_identity peer = accepted->peer();
                    if (const auto e = code_of(peer.process.value)) return e;
                    if (const auto e = code_of(peer.groups.value)) return e;
                    if (const auto e = code_of(client->send("hello", {file, file}))) return e;
                    if (const auto e = keep(there, accepted->receive(room(), 2))) return e;
                    if (const auto e = code_of(accepted->send_owned("there", there->descriptors))) return e;
                    if (const auto e = keep(back, client->receive(room(), 2))) return e;
                    if (const auto e = code_of(client->shutdown_send())) return e;
                    const auto end = accepted->receive(room(), 2);
                    ended = end.error() == errc::end_of_file;
                    return ended ? std::error_code{} : end.error();
                  });
                  CHECK(ended == !code);
                  if (back) CHECK(back->descriptors.size() == 2);
                  server.reset();
                  if (!under.lasting) CHECK(std::filesystem::is_empty(where.path()));
                  auto again = listener<Channel>::bind(at, {.file = {.replace_stale = true}}).value();
                  auto next = Channel::connect(at, dont_wait).value();
                  auto taken = again.try_accept().value();
                  check_exchange(next, taken);
                  return code;
                }};
  made.exceptions = {{usual, sys::call::getsockopt, SO_PEERCRED}, {usual, sys::call::getsockopt, uapi::so_peergroups}};
  for (const int word : {uapi::so_peerpidfd, uapi::so_peersec}) {
    made.exceptions.push_back({unmoved, sys::call::getsockopt, word});  // parts that were not looked at
  }
  add_adoption(made.exceptions);
  return made;
}

template <class Channel>
void add_messages(std::vector<scenario>& all) {
  for (const waits how : {waits::forever, waits::until_deadline, waits::never}) {
    for (const std::size_t count : {0U, 1U, 3U, 40U}) {
      all.push_back(sending<Channel>(count, how));
      all.push_back(receiving<Channel>(count, {.how = how}));
    }
    all.push_back(receiving<Channel>(3, {.how = how, .reserve = 8}));
    all.push_back(receiving<Channel>(3, {.how = how, .reserve = 8, .items = true, .partial = true}));
  }
  all.push_back(sending<Channel>(253, waits::forever));
  all.push_back(receiving<Channel>(253));
  all.push_back(receiving<Channel>(253, {.items = true, .partial = true}));
  all.push_back(receiving<Channel>(40, {.items = true}));
  all.push_back(receiving<Channel>(3, {.partial = true}));
  all.push_back(receiving<Channel>(3, {.how = waits::forever, .stumble = EAGAIN}));
  all.push_back(receiving<Channel>(3, {.how = waits::until_deadline, .stumble = EAGAIN}));
  all.push_back(sending<Channel>(3, waits::forever, EAGAIN));
  all.push_back(sending<Channel>(3, waits::until_deadline, ETOOMANYREFS));
  all.push_back(sending_owned<Channel>(false));
  all.push_back(sending_owned<Channel>(true));
}

inline std::vector<scenario> scenarios_of_messages() {
  std::vector<scenario> all;
  add_messages<stream>(all);
  add_messages<datagram>(all);
  add_messages<seqpacket>(all);
  all.push_back(sending_all(0));
  all.push_back(sending_all(3));
  all.push_back(sending_all(40));
  all.push_back(sending_to_an_address(waits::forever));
  all.push_back(sending_to_an_address(waits::never));
  all.push_back(sending_to_an_address(waits::until_deadline, EAGAIN));
  all.push_back(shut_down_datagram());
  all.push_back(conversing<stream>());
  all.push_back(conversing<seqpacket>());
  return all;
}

}  // namespace scm::test
