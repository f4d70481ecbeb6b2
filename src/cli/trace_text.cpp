#include "cli/trace_text.hpp"

#include "cli/describe_text.hpp"
#include "cli/failure.hpp"
#include "cli/json_bytes.hpp"
#include "core/escape.hpp"
#include "inspect/words.hpp"

#include <scm/core/control_items.hpp>
#include <scm/core/control_view.hpp>

#include <fmt/compile.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

namespace scm::cli {
namespace {

using nlohmann::json;

constexpr auto flag_words = std::to_array<detail::word<std::uint32_t>>({{"MSG_OOB", 0x1},
                                                                        {"MSG_PEEK", 0x2},
                                                                        {"MSG_DONTROUTE", 0x4},
                                                                        {"MSG_CTRUNC", 0x8},
                                                                        {"MSG_TRUNC", 0x20},
                                                                        {"MSG_DONTWAIT", 0x40},
                                                                        {"MSG_EOR", 0x80},
                                                                        {"MSG_WAITALL", 0x100},
                                                                        {"MSG_CONFIRM", 0x800},
                                                                        {"MSG_ERRQUEUE", 0x2000},
                                                                        {"MSG_NOSIGNAL", 0x4000},
                                                                        {"MSG_MORE", 0x8000},
                                                                        {"MSG_WAITFORONE", 0x10000},
                                                                        {"MSG_FASTOPEN", 0x20000000},
                                                                        {"MSG_CMSG_CLOEXEC", 0x40000000},
                                                                        {"MSG_CMSG_COMPAT", 0x80000000}});

std::vector<std::string> names_of(std::uint32_t flags) {
  std::vector<std::string> names;
  for (const auto& [text, flag] : flag_words) {
    if ((flags & flag) != 0) names.emplace_back(text);
    flags &= ~flag;
  }
  if (flags != 0) names.push_back(fmt::format("{:#x}", flags));
  return names;
}

template <class Words>
std::string word_for(const Words& words, int number) {
  const auto word = detail::word_of(words, number);
  return word.empty() ? fmt::to_string(number) : std::string{word};
}

std::string name_text(const socket_name& name) { return std::string{text_of(name).view()}; }

bool is_nameless(const socket_name& name) {
  const auto* const found = std::get_if<address>(&name);
  return found == nullptr ? std::holds_alternative<std::monostate>(name) : found->kind() == address::form::unnamed;
}

void add(fmt::memory_buffer& out, std::string_view words) { out.append(words); }
// `format` is an FMT_COMPILE.
template <class Format, class... Values>
void add_as(fmt::memory_buffer& out, const Format& format, const Values&... values) {
  fmt::format_to(fmt::appender{out}, format, values...);
}

void add_shown(fmt::memory_buffer& out, std::string_view bytes) {
  for (const char byte : bytes) add(out, detail::escaped_byte{byte}.view());
}

void add_process(fmt::memory_buffer& out, const std::string& program, pid_t process) {
  add_shown(out, program);
  add_as(out, FMT_COMPILE("[{}]"), process);
}

void add_counted(fmt::memory_buffer& out, std::uint64_t count, std::string_view noun) {
  add_as(out, FMT_COMPILE("{} {}{}"), count, noun, count == 1 ? "" : "s");
}

// "fd 5 (stream @bus -> 4711)": what it is, its own name, and who is at the other end.
void add_socket(fmt::memory_buffer& out, const traced_socket& socket) {
  add_as(out, FMT_COMPILE("fd {} ("), socket.number);
  if (socket.unseen) {
    add(out, socket.unseen.message());
    add(out, ")");
    return;
  }
  if (socket.family != AF_UNIX) add(out, word_for(detail::family_words, socket.family) + ' ');
  add(out, word_for(detail::type_words, socket.type));
  if (!is_nameless(socket.local)) add_as(out, FMT_COMPILE(" {}"), text_of(socket.local).view());
  if (socket.peer_process > 0 || !is_nameless(socket.peer)) add(out, " ->");
  if (!is_nameless(socket.peer)) add_as(out, FMT_COMPILE(" {}"), text_of(socket.peer).view());
  if (socket.peer_process > 0) add_as(out, FMT_COMPILE(" process {}"), socket.peer_process);
  add(out, ")");
}

void add_flags(fmt::memory_buffer& out, std::string_view label, std::uint32_t flags) {
  if (flags != 0) add_as(out, FMT_COMPILE("  {}{}"), label, fmt::to_string(fmt::join(names_of(flags), "|")));
}

std::string_view text_of_bytes(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void add_outcome(fmt::memory_buffer& out, const traced_call& call) {
  const bool many = call.call == message_call::sendmmsg || call.call == message_call::recvmmsg;
  switch (call.ended) {
    case traced_call::outcome::failed:
      return add(out, "failed: " + os_code(call.error).message());
    case traced_call::outcome::interrupted:
      return add(out, "interrupted by a signal");
    case traced_call::outcome::unfinished:
      return add_as(out, FMT_COMPILE("did not return in {:.6f} s: its thread ended"),
                    std::chrono::duration<double>(call.took).count());
    case traced_call::outcome::returned:
      break;
  }
  add_counted(out, static_cast<std::uint64_t>(call.result), many ? "message" : "byte");
}

void add_descriptor(fmt::memory_buffer& out, const traced_descriptor& one) {
  fmt::memory_buffer label;
  if (one.sent_as >= 0) add_as(label, FMT_COMPILE("{}>"), one.sent_as);
  if (one.number < 0) add(label, "lost");
  if (one.number >= 0) add_as(label, FMT_COMPILE("{}"), one.number);
  const std::string_view number{label.data(), label.size()};
  add(out, "             ");
  if (one.what) add_description(out, number, *one.what);
  if (!one.what) add_as(out, FMT_COMPILE("{:<9} {}"), number, one.unseen.message());
  add(out, "\n");
}

// The library's decoders take a message as it was walked over.
control_message message_of(const traced_item& item) { return {item.level, item.type, item.payload, 0, abi::native}; }

std::string item_text(const traced_item& item) {
  const auto message = message_of(item);
  switch (kind_of(message)) {
    case control_kind::pidfd:
      if (const auto number = as_pidfd(message)) {
        return item.process && item.process->process
                   ? fmt::format("pidfd {} of process {}", *number, *item.process->process)
                   : fmt::format("pidfd {}", *number);
      }
      break;
    case control_kind::label:
      return "label " + shown(as_label(message));
    case control_kind::queued_bytes:
      if (const auto bytes = as_queued_bytes(message))
        return fmt::format("{} left in the queue", counted(*bytes, "byte"));
      break;
    case control_kind::timestamp:
      if (item.size == 16) {  // 64 bits, whoever it is for
        if (const auto time = as_timestamp(message)) {
          return fmt::format("timestamp {:.9f}", std::chrono::duration<double>(time->time_since_epoch()).count());
        }
      }
      break;
    case control_kind::credentials:
    case control_kind::rights:
    case control_kind::unknown:
      break;
  }
  return fmt::format("control message of level {} and type {}, {}", item.level, item.type, counted(item.size, "byte"));
}

std::string room_text(const traced_message& message, abi layout) {
  const std::size_t sent = message.descriptors.size() + message.lost.size();
  if (message.control_room < cmsg_len(sent * sizeof(int), layout)) {
    return fmt::format("its room for control data was {}", counted(message.control_room, "byte"));
  }
  return "there was room for them, so it had no free descriptor numbers (ulimit -n), or a security module refused them";
}

std::string problems_text(const traced_call& call, const traced_message& message) {
  std::string out;
  const auto line = [&](const std::string& text) { out += "             " + text + '\n'; };
  if (!message.lost.empty()) {
    line(fmt::format("{} of {} LOST: {}", message.lost.size(),
                     counted(message.lost.size() + message.descriptors.size(), "descriptor"),
                     room_text(message, call.layout)));
  } else if (!is_send(call.call) && (message.flags & MSG_CTRUNC) != 0) {
    line(fmt::format("control data was cut (MSG_CTRUNC): its room was {}", counted(message.control_room, "byte")));
  }
  if (message.unseen) line("not all could be seen: " + message.unseen.message());
  return out;
}

// What follows the socket on the line of a call, or stands on the line of one message of several.
void add_message(fmt::memory_buffer& out, const traced_call& call, const traced_message& message, bool alone) {
  add_as(out, FMT_COMPILE(" #{}"), message.number);
  if (!alone) {
    add(out, " ");
    add_counted(out, message.bytes, "byte");
  }
  if (const auto all = message.descriptors.size(); all != 0) {
    add(out, ", ");
    add_counted(out, all, "descriptor");
  }
  if (!is_nameless(message.name)) add(out, (is_send(call.call) ? "  to " : "  from ") + name_text(message.name));
  if (const auto& from = message.origin) {
    add_as(out, FMT_COMPILE("  <- #{}{} of "), from->number, from->certain ? "" : "?");
    add_process(out, from->program, from->process);
    add_as(out, FMT_COMPILE(" (fd {})"), from->socket);
  }
  if (alone) add_flags(out, "", call.flags);
  add_flags(out, "msg_flags ", message.flags);
  if (!message.payload.empty()) {
    add(out, "  \"");
    add_shown(out, text_of_bytes(message.payload));
    add(out, message.payload.size() < message.bytes ? "\"..." : "\"");
  }
  add(out, "\n");
  for (const auto& one : message.descriptors) add_descriptor(out, one);
  for (const auto& one : message.lost) add_descriptor(out, one);
  if (message.credentials) {
    add_as(out, FMT_COMPILE("             credentials process {} user {} group {}\n"), message.credentials->pid,
           message.credentials->uid, message.credentials->gid);
  }
  for (const auto& item : message.items) add_as(out, FMT_COMPILE("             {}\n"), item_text(item));
  add(out, problems_text(call, message));
}

json error_record(std::error_code error) { return {{"code", error.value()}, {"text", error.message()}}; }

json name_record(const socket_name& name) {
  const auto text = name_text(name);
  return text.empty() ? json{} : json(text);
}

json socket_record(const traced_socket& socket) {
  json out{{"fd", socket.number}};
  if (socket.unseen) {
    out["error"] = error_record(socket.unseen);
    return out;
  }
  out["family"] = word_for(detail::family_words, socket.family);
  out["type"] = word_for(detail::type_words, socket.type);
  out["local"] = name_record(socket.local);
  out["peer"] = name_record(socket.peer);
  out["inode"] = socket.inode;
  if (socket.peer_inode != 0) out["peer_inode"] = socket.peer_inode;
  if (socket.peer_process > 0) out["peer_pid"] = socket.peer_process;
  return out;
}

json item_record(const traced_item& item) {
  json out{{"level", item.level}, {"type", item.type}, {"size", item.size}, {"text", item_text(item)}};
  put_bytes(out, "payload", std::string{text_of_bytes(item.payload)});
  return out;
}

json message_record(const traced_message& message, bool received) {
  json out{{"number", message.number}, {"bytes", message.bytes}};
  if (const auto name = name_record(message.name); !name.is_null()) out[received ? "from" : "to"] = name;
  put_bytes(out, "payload", std::string{text_of_bytes(message.payload)});
  out["descriptors"] = json::array();
  for (const auto& one : message.descriptors) out["descriptors"].push_back(traced_record(one, received));
  if (message.credentials) {
    out["credentials"] = {
        {"pid", message.credentials->pid}, {"uid", message.credentials->uid}, {"gid", message.credentials->gid}};
  }
  if (!message.items.empty()) out["other"] = json::array();
  for (const auto& item : message.items) out["other"].push_back(item_record(item));
  if (message.unseen) out["unseen"] = error_record(message.unseen);
  if (!received) return out;
  out["msg_flags"] = names_of(message.flags);
  out["control_room"] = message.control_room;
  if (!message.lost.empty()) out["lost"] = json::array();
  for (const auto& one : message.lost) out["lost"].push_back(traced_record(one, false));
  if (message.origin) {
    out["sent_by"] = {{"number", message.origin->number},
                      {"pid", message.origin->process},
                      {"fd", message.origin->socket},
                      {"certain", message.origin->certain}};
    put_bytes(out["sent_by"], "program", message.origin->program);
  }
  return out;
}

std::string_view name_of(traced_call::outcome ended) {
  switch (ended) {
    case traced_call::outcome::failed:
      return "failed";
    case traced_call::outcome::interrupted:
      return "interrupted";
    case traced_call::outcome::unfinished:
      return "unfinished";
    case traced_call::outcome::returned:
      break;
  }
  return "returned";
}

}  // namespace

json traced_record(const traced_descriptor& one, bool received) {
  json out = one.what ? description_record(*one.what) : json::object();
  if (!received) out.erase("close_on_exec");  // that of the duplicate that was looked at
  if (!one.what) out["error"] = error_record(one.unseen);
  if (one.number >= 0) out["fd"] = one.number;
  if (one.sent_as >= 0) out["sent_as"] = one.sent_as;
  return out;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  fmt::memory_buffer out;
  add_counted(out, count, noun);
  return fmt::to_string(out);
}

std::string process_text(const std::string& program, pid_t process) {
  fmt::memory_buffer out;
  add_process(out, program, process);
  return fmt::to_string(out);
}

std::string lost_text(const traced_message& message) {
  fmt::memory_buffer out;
  for (const auto& one : message.lost) add_descriptor(out, one);
  return fmt::to_string(out);
}

void add_call(fmt::memory_buffer& out, const traced_call& call, std::chrono::system_clock::time_point start) {
  // Not as a floating-point number, which takes longer than the rest of the line.
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(call.time - start).count();
  add_as(out, FMT_COMPILE("{:>4}.{:06} "), since / 1'000'000, std::abs(since % 1'000'000));
  add_process(out, call.program, call.process);
  if (call.thread != call.process) add_as(out, FMT_COMPILE("/{}"), call.thread);
  add_as(out, FMT_COMPILE(" {} "), scm::name_of(call.call));
  add_socket(out, call.socket);
  add(out, ": ");
  add_outcome(out, call);
  const bool many = call.call == message_call::sendmmsg || call.call == message_call::recvmmsg;
  if (!many && call.messages.size() == 1) {
    add_message(out, call, call.messages.front(), true);
  } else {
    add_flags(out, "", call.flags);
    add(out, "\n");
    for (const auto& one : call.messages) {
      add(out, "            ");
      add_message(out, call, one, false);
    }
  }
  if (call.unseen) {
    add_as(out, FMT_COMPILE("             not all messages could be seen: {}\n"), call.unseen.message());
  }
}

json call_record(const traced_call& call) {
  json out{{"record", "call"}};
  out["time"] = std::chrono::duration<double>(call.time.time_since_epoch()).count();
  out["took"] = std::chrono::duration<double>(call.took).count();
  out["pid"] = call.process;
  out["tid"] = call.thread;
  put_bytes(out, "program", call.program);
  out["call"] = scm::name_of(call.call);
  out["bits"] = call.layout == abi::lp64 ? 64 : 32;
  out["socket"] = socket_record(call.socket);
  out["flags"] = names_of(call.flags);
  out["outcome"] = name_of(call.ended);
  if (call.ended == traced_call::outcome::returned) out["result"] = call.result;
  if (call.ended == traced_call::outcome::failed) out["error"] = error_record(os_code(call.error));
  out["messages"] = json::array();
  for (const auto& one : call.messages) out["messages"].push_back(message_record(one, !is_send(call.call)));
  if (call.unseen) out["unseen"] = error_record(call.unseen);
  return out;
}

std::string unreceived_text(const unreceived_message& message) {
  fmt::memory_buffer out;
  add_as(out, FMT_COMPILE("  #{}{} of "), message.number, message.certain ? "" : "?");
  add_process(out, message.program, message.process);
  add(out, ", ");
  add_socket(out, message.socket);
  add(out, message.passed_over ? ": taken by a call that takes no descriptors, which are closed\n"
                               : ": no traced program received it\n");
  for (const auto& one : message.descriptors) add_descriptor(out, one);
  return fmt::to_string(out);
}

json unreceived_record(const unreceived_message& message) {
  json out{{"record", "unreceived"}, {"number", message.number}, {"pid", message.process}};
  put_bytes(out, "program", message.program);
  out["socket"] = socket_record(message.socket);
  out["certain"] = message.certain;
  out["taken_without_descriptors"] = message.passed_over;
  out["descriptors"] = json::array();
  for (const auto& one : message.descriptors) out["descriptors"].push_back(traced_record(one, false));
  return out;
}

}  // namespace scm::cli
