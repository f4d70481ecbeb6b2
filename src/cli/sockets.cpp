#include "cli/sockets.hpp"

#include "cli/bounds.hpp"
#include "cli/describe_text.hpp"
#include "cli/failure.hpp"
#include "cli/json_bytes.hpp"
#include "cli/process_table.hpp"
#include "cli/socket_holders.hpp"
#include "cli/table.hpp"
#include "inspect/words.hpp"

#include <scm/netlink/unix_sockets.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace scm::cli {
namespace {

using nlohmann::json;

constexpr auto sockets_footer = R"(One line for each Unix socket of this network namespace:
  ADDRESS  PATH, @abstract, or - when it has none; an accepted one has its listener's
  PEER     the inode of the socket at the other end and that one's address; 0 for one that nobody has accepted yet
  RECV     bytes to be received (of a datagram: the next one's); of a listener the connections that wait
  SEND     memory of what was sent and not yet received; of a listener how many may wait
  FDS      descriptors in flight: sent to this socket and not yet received
  PEER-UID who made the socket at the other end
  HOLDERS  processes and their descriptors: name(PID):FD,FD

- stands for what is not there, and for FDS also where no process that holds the socket can be looked into. Holders of
other users are seen by root only; a socket without one is in flight itself, the kernel's, or of another pid namespace.

--peer-credentials adds PID:UID:GID of who connected, made the pair, or listened, as they were then (SO_PEERCRED). Each
socket is open in this program for a moment, too: one that its holder closes just then stays connected until after it.

--pid and --in-flight must both hold where both are given, and --address with them:
  scm sockets --pid 1234 --in-flight
  scm sockets --address '/run/*'
  scm sockets --address '@*' --json
The exit status is 1 when something that was asked for could not be seen.)";

struct options {
  bool as_json = false;
  bool in_flight = false;
  bool credentials = false;
  std::vector<pid_t> processes;
  std::vector<std::string> patterns;
};

struct row {
  const unix_socket* what;
  std::optional<std::uint32_t> peer;
  std::string peer_address;  // empty: none
  const unix_socket* other_end = nullptr;
  std::optional<uid_t> peer_user;
  std::optional<credentials> peer_credentials;
  const std::vector<socket_holder>* holders = nullptr;
  std::optional<std::uint64_t> in_flight;
};

std::string address_of(const unix_socket& one) {
  return one.address.kind() == address::form::unnamed ? std::string{} : std::string{one.address.text().view()};
}

std::string type_of(const unix_socket& one) {
  const auto word = detail::word_of(detail::type_words, one.type);
  return word.empty() ? fmt::format("type-{}", one.type) : std::string{word};
}

class listing {
 public:
  listing(const std::vector<unix_socket>& all, const socket_holders& holders) {
    std::unordered_map<std::uint32_t, const unix_socket*> by_inode;
    std::unordered_map<std::uint32_t, const unix_socket*> listener_of;  // by who waits
    for (const auto& one : all) {
      by_inode.emplace(one.inode, &one);
      for (const auto waiting : one.pending) listener_of.emplace(waiting, &one);
    }
    const auto find = [](const auto& map, auto key) {
      const auto found = map.find(key);
      return found == map.end() ? nullptr : found->second;
    };
    for (const auto& one : all) {
      row made{};
      made.what = &one;
      made.peer = one.peer;
      const auto* peer = one.peer ? find(by_inode, *one.peer) : nullptr;
      made.other_end = peer;
      if (peer != nullptr) made.peer_user = peer->user;
      if (one.peer == 0U) peer = find(listener_of, one.inode);
      if (peer != nullptr) made.peer_address = address_of(*peer);
      if (const auto held = holders.by_inode.find(one.inode); held != holders.by_inode.end()) {
        made.holders = &held->second;
      }
      rows_.push_back(std::move(made));
    }
  }

  // Leaves what was asked for, in order, and looks what is in flight there.
  void choose(const options& chosen) {
    std::erase_if(rows_, [&](const row& one) { return !wanted(one, chosen); });
    for (row& one : rows_) {
      if (nothing_waits(one)) one.in_flight = 0;
      if (one.in_flight || one.holders == nullptr) continue;
      for (const socket_holder& holder : *one.holders) {
        one.in_flight = descriptors_in_flight(holder.process, holder.numbers.front(), one.what->inode);
        if (one.in_flight) break;
      }
    }
    if (chosen.in_flight) std::erase_if(rows_, [](const row& one) { return one.in_flight.value_or(0) == 0; });
    // Those with a name first; the inode orders by age as a rule.
    std::ranges::sort(rows_, {}, [](const row& one) {
      const auto name =
          one.what->address.kind() == address::form::unnamed ? std::string_view{} : one.what->address.name();
      return std::tuple{one.what->address.kind() == address::form::unnamed, one.what->address.kind(), name,
                        one.what->state != unix_socket_state::listening,    one.what->inode,          one.what->cookie};
    });
  }

  // Asks the sockets that are left what their peers were when they were connected.
  void ask_credentials() {
    std::unordered_map<pid_t, std::optional<process_table>> processes;
    for (row& one : rows_) {
      if (one.what->state != unix_socket_state::connected || one.holders == nullptr) continue;
      for (const socket_holder& holder : *one.holders) {
        const auto [at, fresh] = processes.try_emplace(holder.process);
        if (fresh) {
          if (auto opened = process_table::open(holder.process)) at->second = *std::move(opened);
        }
        if (at->second)
          one.peer_credentials = credentials_of_peer(*at->second, holder.numbers.front(), one.what->inode);
        if (one.peer_credentials) break;
      }
    }
  }

  // Whether a socket is left that somebody must have and nobody was seen to.
  bool holders_missing() const {
    return std::ranges::any_of(rows_, [](const row& one) { return one.holders == nullptr; });
  }

  bool print_table(bool credentials) {
    std::vector<table::column> columns{{"TYPE"},      {"STATE"},   {"INODE", true}, {"RECV", true},    {"SEND", true},
                                       {"FDS", true}, {"ADDRESS"}, {"PEER"},        {"PEER-UID", true}};
    if (credentials) columns.push_back({"PEER-CREDENTIALS"});
    columns.push_back({"HOLDERS"});
    table out{std::move(columns)};
    for (const row& one : rows_) out.add(cells(one, credentials));
    return print(out.text(colours_wanted()));
  }

  bool print_json() {
    std::string text;
    for (const row& one : rows_) text += (text.empty() ? "[\n" : ",\n") + json_text(record(one));
    return print(text.empty() ? "[]\n" : text + "\n]\n");
  }

 private:
  // Whether the kernel's list alone says so: a file that need not be read is half of what a socket costs.
  static bool nothing_waits(const row& one) {
    const auto& queued = one.what->queued;
    if (!queued || queued->receive != 0) return false;
    // Nobody waits to be accepted; and descriptors on a stream come with a byte at least (kernel fact C4).
    if (one.what->state == unix_socket_state::listening || one.what->type == SOCK_STREAM) return true;
    // An empty packet can have some. It is the peer's memory, since nobody else can send here.
    return one.what->type == SOCK_SEQPACKET && one.other_end != nullptr && one.other_end->queued &&
           one.other_end->queued->send == 0;
  }

  static bool wanted(const row& one, const options& chosen) {
    const auto held_by = [&](pid_t process) {
      return one.holders != nullptr &&
             std::ranges::find(*one.holders, process, &socket_holder::process) != one.holders->end();
    };
    if (!chosen.processes.empty() && !std::ranges::any_of(chosen.processes, held_by)) return false;
    if (chosen.patterns.empty()) return true;
    const std::string own = address_of(*one.what);
    return std::ranges::any_of(chosen.patterns, [&](const std::string& pattern) {
      const auto matches = [&](const std::string& name) {
        return !name.empty() && ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
      };
      return matches(own) || matches(one.peer_address);
    });
  }

  const std::string& process_name(pid_t process) {
    const auto [at, fresh] = names_.try_emplace(process);
    if (fresh) at->second = name_of_process(process);
    return at->second;
  }

  std::vector<cell> cells(const row& one, bool credentials) {
    const auto some = [](std::string text, tint colour = tint::plain) {
      return text.empty() ? cell{"-", tint::faint} : cell{std::move(text), colour};
    };
    const auto number = [](const auto& value) { return value ? fmt::format("{}", *value) : std::string{}; };
    const auto& queued = one.what->queued;
    std::string peer = number(one.peer);
    if (!one.peer_address.empty()) peer += ' ' + one.peer_address;
    std::vector<std::string> holders;
    if (one.holders != nullptr) {
      for (const auto& [process, numbers] : *one.holders) {
        holders.push_back(fmt::format("{}({}):{}", shown(process_name(process)), process, fmt::join(numbers, ",")));
      }
    }
    std::vector<cell> out{{type_of(*one.what)},
                          {std::string{name_of(one.what->state)}, tint_of(one.what->state)},
                          {fmt::to_string(one.what->inode)},
                          some(queued ? fmt::to_string(queued->receive) : ""),
                          some(queued ? fmt::to_string(queued->send) : ""),
                          some(number(one.in_flight), one.in_flight.value_or(0) == 0 ? tint::plain : tint::notable),
                          some(address_of(*one.what), tint::name),
                          some(peer),
                          some(number(one.peer_user))};
    if (credentials) {
      const auto& by = one.peer_credentials;
      out.push_back(some(by ? fmt::format("{}:{}:{}", by->pid, by->uid, by->gid) : ""));
    }
    out.push_back(some(fmt::format("{}", fmt::join(holders, " "))));
    return out;
  }

  static tint tint_of(unix_socket_state state) {
    if (state == unix_socket_state::listening) return tint::good;
    return state == unix_socket_state::unconnected ? tint::faint : tint::plain;
  }

  json record(const row& one) {
    const unix_socket& what = *one.what;
    json out;
    out["type"] = type_of(what);
    out["state"] = name_of(what.state);
    out["inode"] = what.inode;
    out["cookie"] = what.cookie;
    const std::string own = address_of(what);
    out["address"] = own.empty() ? json{} : json(own);
    out["peer"] = nullptr;
    if (one.peer) {
      out["peer"] = {{"inode", *one.peer}, {"address", one.peer_address.empty() ? json{} : json(one.peer_address)}};
      if (one.peer_user) out["peer"]["uid"] = *one.peer_user;
    }
    if (const auto& by = one.peer_credentials) {
      out["peer_credentials"] = {{"pid", by->pid}, {"uid", by->uid}, {"gid", by->gid}};
    }
    if (what.queued && what.state == unix_socket_state::listening) {
      out["waiting"] = what.queued->receive;
      out["backlog"] = what.queued->send;
      out["pending"] = what.pending;
    } else if (what.queued) {
      out["receive_bytes"] = what.queued->receive;
      out["send_memory"] = what.queued->send;
    }
    if (one.in_flight) out["in_flight"] = *one.in_flight;
    if (what.user) out["uid"] = *what.user;
    if (what.bound_file) out["file_inode"] = what.bound_file->inode;
    if (!what.receives) out["shut_down_receive"] = true;
    if (!what.sends) out["shut_down_send"] = true;
    out["holders"] = json::array();
    if (one.holders != nullptr) {
      for (const auto& [process, numbers] : *one.holders) {
        json holder{{"pid", process}, {"fds", numbers}};
        put_bytes(holder, "name", process_name(process));
        out["holders"].push_back(std::move(holder));
      }
    }
    return out;
  }

  std::vector<row> rows_;
  std::unordered_map<pid_t, std::string> names_;
};

int list(const options& chosen) {
  int status = exit_success;
  for (const pid_t process : chosen.processes) {
    if (::kill(process, 0) != 0 && errno == ESRCH) status = complain(fmt::format("{}: no such process", process));
  }
  const auto all = list_unix_sockets();
  if (!all) {
    std::string text = fmt::format("cannot list the sockets: {}", all.error().code().message());
    if (!all.error().text().empty()) text += fmt::format("; {}", all.error().text());
    return complain(text);
  }
  auto holders = find_socket_holders();
  if (!holders) {
    status = complain(fmt::format("cannot look into /proc: {}", holders.error().message()));
    holders = socket_holders{};
  }
  listing found{all->sockets, *holders};
  found.choose(chosen);
  if (chosen.credentials) found.ask_credentials();
  if (!(chosen.as_json ? found.print_json() : found.print_table(chosen.credentials))) return exit_failure;
  if (all->inconsistent) status = complain("the list changed while it was made: sockets may be missing");
  for (const pid_t process : chosen.processes) {
    if (!std::ranges::binary_search(holders->hidden, process)) continue;
    status =
        complain(fmt::format("{}: not permitted to look into this process; run scm as its user, or as root", process));
  }
  if (!holders->hidden.empty() && found.holders_missing()) {
    complain(fmt::format("{} processes may not be looked into: where no holder is listed, one of them can be it",
                         holders->hidden.size()));
  }
  return status;
}

}  // namespace

void add_sockets(CLI::App& program, std::function<int()>& action) {
  const auto chosen = std::make_shared<options>();
  auto* const command =
      program.add_subcommand("sockets", "List all Unix sockets: addresses, peers, holders, descriptors in flight");
  command->footer(sockets_footer);
  command->add_flag("--json", chosen->as_json, "Print an array of records");
  command->add_flag("--in-flight", chosen->in_flight, "Only sockets in which descriptors wait");
  command->add_flag("--peer-credentials", chosen->credentials,
                    "Also what a socket itself is told of its peer, for which it is fetched from its holder");
  command->add_option("--pid", chosen->processes, "Only sockets that this process has open; may be repeated")
      ->type_name("PID")
      ->check([](const std::string& text) {
        const bool number = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
        return number && text.find_first_not_of('0') != text.npos ? std::string{} : "not a process id: " + shown(text);
      })
      ->take_all()
      ->expected(1);
  command
      ->add_option("--address", chosen->patterns,
                   "Only sockets whose address, or peer's, matches this shell pattern; may be repeated")
      ->type_name("PATTERN")
      ->take_all()
      ->expected(1);
  command->callback([chosen, &action] { action = [chosen] { return list(*chosen); }; });
}

}  // namespace scm::cli
