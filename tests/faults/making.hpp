// Scenarios: sockets that are made, connected, bound, adopted and accepted.
#pragma once

#include "faults/use.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace scm::test {

template <class Channel>
scenario making_a_pair() {
  return {name_of_type<Channel>() + " pair", [](const ordeal& under) {
            std::optional<std::pair<Channel, Channel>> ends;
            const auto code = under([&] { return keep(ends, Channel::pair()); });
            CHECK(ends.has_value() == !code);
            if (ends) check_exchange(ends->first, ends->second);
            return code;
          }};
}

template <class Channel>
scenario connecting(waits how, bool with_items = false) {
  scenario made{
      name_of_type<Channel>() + " connect " + name_of(how) + (with_items ? ", with every item" : ""), {}, how};
  made.run = [how, with_items](const ordeal& under) {
    auto server = listener<Channel>::bind(address::autobind()).value();
    const address to = server.local_address().value();
    const channel_options options{.items = with_items ? available_items<Channel>() : receive_items{}};
    std::optional<Channel> client;
    const auto code = under([&] { return keep(client, Channel::connect(to, deadline_of(how), options)); });
    auto accepted = server.try_accept();
    if (client) {
      REQUIRE(accepted);
      check_exchange(*client, *accepted);
      check_exchange(*accepted, *client);
    } else if (accepted) {
      CHECK(accepted->try_receive(room(), 1).error() == errc::end_of_file);  // connected, and given up again
    } else {
      CHECK(accepted.error() == std::errc::resource_unavailable_try_again);
    }
    return code;
  };
  // The deadline of connect(2) is no feature that a socket could lack.
  made.exceptions = {{answers({ENOPROTOOPT, std::system_category()}), sys::call::setsockopt, SO_SNDTIMEO, ENOPROTOOPT},
                     {answers({EOPNOTSUPP, std::system_category()}), sys::call::setsockopt, SO_SNDTIMEO, EOPNOTSUPP}};
  // Whether there are labels is asked first: any answer but "no such option" means yes.
  made.exceptions.push_back({usual, sys::call::getsockopt, uapi::so_peersec, ENOPROTOOPT});
  made.exceptions.push_back({unmoved, sys::call::getsockopt, uapi::so_peersec});
  return made;
}

inline scenario opening_a_datagram() {
  return {"datagram open, with every item", [](const ordeal& under) {
            auto receiver = datagram::bind(address::autobind()).value();
            const channel_options options{.items = available_items<datagram>()};
            std::optional<datagram> sender;
            const auto code = under([&] { return keep(sender, datagram::open(options)); });
            if (sender) CHECK(sender->send_to(receiver.local_address().value(), "x"));
            return code;
          }};
}

inline scenario connecting_a_datagram() {
  return {"datagram connect", [](const ordeal& under) {
            auto receiver = datagram::bind(address::autobind()).value();
            const address to = receiver.local_address().value();
            std::optional<datagram> sender;
            const auto code = under([&] { return keep(sender, datagram::connect(to)); });
            if (sender) check_exchange(*sender, receiver);
            check_silence(receiver);
            return code;
          }};
}

inline scenario binding_a_datagram(bool to_a_path) {
  return {std::string{"datagram bind to "} + (to_a_path ? "a path" : "a name that the kernel chooses"),
          [to_a_path](const ordeal& under) {
            const temporary_folder& where = empty_folder();
            const address at = to_a_path ? address::path(where / "socket").value() : address::autobind();
            std::optional<datagram> receiver;
            const auto code = under([&] { return keep(receiver, datagram::bind(at)); });
            if (receiver) {
              auto sender = datagram::connect(receiver->local_address().value()).value();
              check_exchange(sender, *receiver);
            }
            receiver.reset();
            if (!under.lasting) CHECK(std::filesystem::is_empty(where.path()));
            return code;
          }};
}

enum class place { abstract, path, lockable, stale };

template <class Channel>
scenario listening(place kind) {
  static constexpr const char* names[] = {"an abstract name", "a path", "a path that may be stale", "a stale path"};
  scenario made{name_of_type<Channel>() + " listener at " + names[static_cast<int>(kind)], {}};
  made.run = [kind](const ordeal& under) {
    const temporary_folder& where = empty_folder();
    const bool replace = kind == place::lockable || kind == place::stale;
    const address at = kind == place::abstract ? address::autobind() : address::path(where / "socket").value();
    if (kind == place::stale) listener<Channel>::bind(at).value().keep_file();
    const listen_options options{.file = {.replace_stale = replace}, .channel = {.items = {receive_item::credentials}}};
    std::optional<listener<Channel>> server;
    const auto code = under([&] { return keep(server, listener<Channel>::bind(at, options)); });
    // A stale file stays where it was; the lock beside it stays if it may be somebody else's. Neither keeps the next
    // out.
    if (code && !under.lasting && kind != place::stale) CHECK_FALSE(std::filesystem::exists(where / "socket"));
    if (code && (replace || !under.lasting)) server.emplace(listener<Channel>::bind(at, options).value());
    if (server) {
      auto client = Channel::connect(server->local_address().value(), dont_wait).value();
      auto accepted = server->try_accept().value();
      check_exchange(client, accepted);
    }
    server.reset();
    if (!under.lasting) CHECK(std::filesystem::is_empty(where.path()));
    return code;
  };
  using enum sys::call;
  const std::error_code in_use{EADDRINUSE, std::system_category()};
  if (kind == place::lockable || kind == place::stale) {
    // Whether the lock is still the file of its name: if that cannot be told, it is taken once more.
    made.exceptions = {{unmoved, fstat}, {unmoved, lstat, {}, {}, 1}, {answers(in_use), flock, {}, EWOULDBLOCK}};
  }
  if (kind == place::lockable) made.exceptions.push_back({unmoved, bind, {}, EADDRINUSE});  // there is no such file
  if (kind == place::stale) {
    made.exceptions.insert(made.exceptions.end(),
                           {{unmoved, bind, {}, EADDRINUSE, 1},
                            {answers(in_use), lstat, {}, ENOENT, 2},  // gone, so it is bound at once, and is not gone
                            {answers({ENOPROTOOPT, std::system_category()}), getsockopt, SO_TYPE, ENOPROTOOPT},
                            {answers({EOPNOTSUPP, std::system_category()}), getsockopt, SO_TYPE, EOPNOTSUPP},
                            {unmoved, connect, {}, ECONNREFUSED},
                            {answers(in_use), connect},  // who does not refuse may be alive
                            {answers(in_use), unlink, {}, ENOENT}});
  }
  return made;
}

template <class Channel>
scenario adopting() {
  scenario made{name_of_type<Channel>() + " adopt", [](const ordeal& under) {
                  auto [left, right] = Channel::pair().value();
                  owned_fd copy{::dup(left.fd().native_handle())};  // not close-on-exec, which adopting makes it
                  std::optional<Channel> adopted;
                  const auto code = under([&] { return keep(adopted, Channel::adopt(std::move(copy))); });
                  CHECK(static_cast<bool>(copy) == static_cast<bool>(code));  // on error still the caller's
                  if (!adopted) adopted.emplace(Channel::adopt(std::move(copy)).value());
                  CHECK(::fcntl(adopted->fd().native_handle(), F_GETFD) == FD_CLOEXEC);
                  check_exchange(right, *adopted);
                  check_exchange(*adopted, right);
                  return code;
                }};
  add_adoption(made.exceptions);
  return made;
}

template <class Channel>
scenario adopting_a_listener() {
  scenario made{name_of_type<Channel>() + " listener adopt", [](const ordeal& under) {
                  auto server = listener<Channel>::bind(address::autobind()).value();
                  owned_fd copy{::dup(server.fd().native_handle())};
                  std::optional<listener<Channel>> adopted;
                  const auto code = under([&] { return keep(adopted, listener<Channel>::adopt(std::move(copy))); });
                  CHECK(static_cast<bool>(copy) == static_cast<bool>(code));
                  if (!adopted) adopted.emplace(listener<Channel>::adopt(std::move(copy)).value());
                  auto client = Channel::connect(server.local_address().value(), dont_wait).value();
                  auto accepted = adopted->try_accept().value();
                  check_exchange(client, accepted);
                  return code;
                }};
  add_adoption(made.exceptions);
  return made;
}

template <class Channel>
scenario accepting(waits how, bool adopted, std::optional<int> stumble = {}) {
  scenario made{name_of_type<Channel>() + " accept " + name_of(how) + (adopted ? ", inherited" : ", with every item") +
                    (stumble ? ", the second time" : ""),
                {},
                how};
  made.run = [how, adopted](const ordeal& under) {
    const channel_options options{.items = adopted ? receive_items{} : available_items<Channel>()};
    auto server = listener<Channel>::bind(address::autobind(), {.channel = options}).value();
    const address to = server.local_address().value();
    if (adopted) server = listener<Channel>::adopt(duplicate(server.fd()).value()).value();
    auto client = Channel::connect(to, dont_wait).value();
    std::optional<Channel> accepted;
    const auto code = under([&] { return keep(accepted, server.accept(deadline_of(how))); });
    if (code) {  // the connection still waits, or was closed, of which the client hears; the next one is none the worse
      if (auto later = server.try_accept()) {
        accepted.emplace(std::move(*later));
      } else {
        CHECK(later.error() == std::errc::resource_unavailable_try_again);
        CHECK(client.try_receive(room(), 1).error() == errc::end_of_file);
        client = Channel::connect(to, dont_wait).value();
        accepted.emplace(server.try_accept().value());
      }
    }
    check_exchange(client, *accepted);
    check_exchange(*accepted, client);
    return code;
  };
  if (stumble) made.stumble = {sys::call::accept4, *stumble};
  add_adoption(made.exceptions);
  if (!adopted) {  // what the listener has on is no option that the kernel lacks
    for (exception_for& one : made.exceptions) {
      if (one.then.what == answer::kind::unmoved) one.then = cannot_be;
    }
  }
  return made;
}

inline scenario watching(readiness what) {
  return {what == readiness::receivable ? "watch for messages" : "watch for room", [what](const ordeal& under) {
            auto [left, right] = seqpacket::pair().value();
            std::optional<owned_fd> watched;
            const auto code = under([&] { return keep(watched, watch(left.fd(), what)); });
            check_exchange(left, right);
            return code;
          }};
}

inline std::vector<scenario> scenarios_of_making() {
  std::vector<scenario> all{making_a_pair<stream>(), making_a_pair<datagram>(), making_a_pair<seqpacket>()};
  for (const waits how : {waits::forever, waits::until_deadline, waits::never}) {
    all.push_back(connecting<stream>(how));
    all.push_back(connecting<seqpacket>(how));
    for (const bool adopted : {false, true}) {
      all.push_back(accepting<stream>(how, adopted));
      all.push_back(accepting<seqpacket>(how, adopted));
    }
  }
  all.push_back(connecting<stream>(waits::forever, true));
  all.push_back(connecting<seqpacket>(waits::until_deadline, true));
  all.push_back(accepting<stream>(waits::forever, false, EAGAIN));
  all.push_back(accepting<seqpacket>(waits::until_deadline, true, EAGAIN));
  all.push_back(opening_a_datagram());
  all.push_back(connecting_a_datagram());
  all.push_back(binding_a_datagram(false));
  all.push_back(binding_a_datagram(true));
  for (const place kind : {place::abstract, place::path, place::lockable, place::stale}) {
    all.push_back(listening<stream>(kind));
    all.push_back(listening<seqpacket>(kind));
  }
  all.insert(all.end(),
             {adopting<stream>(), adopting<datagram>(), adopting<seqpacket>(), adopting_a_listener<stream>(),
              adopting_a_listener<seqpacket>(), watching(readiness::receivable), watching(readiness::sendable)});
  return all;
}

}  // namespace scm::test
