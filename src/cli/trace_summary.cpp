#include "cli/trace_summary.hpp"

#include "cli/failure.hpp"
#include "cli/json_bytes.hpp"
#include "cli/trace_text.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <utility>

namespace scm::cli {

using nlohmann::json;

void trace_summary::add(const traced_call& call) {
  if (is_send(call.call) || (call.flags & MSG_PEEK) != 0) return;  // a peek's come again
  const process to{call.program, call.process};
  for (const auto& message : call.messages) {
    if (!message.origin) continue;
    const process from{message.origin->program, message.origin->process};
    if (passed_.size() >= most && !passed_.contains({from, to})) {
      ++left_out_;
      continue;
    }
    passed& sum = passed_[{from, to}];
    ++sum.messages;
    sum.bytes += message.bytes;
    for (const auto& one : message.descriptors) {
      ++sum.kinds[one.what ? std::string{name_of(one.what->kind)} : std::string{"unknown"}];
    }
    if (message.lost.empty()) continue;
    if (losses_.size() < most) {
      losses_.push_back({to, message});
    } else {
      ++left_out_;
    }
  }
}

void trace_summary::add(std::vector<unreceived_message> unreceived, std::uint64_t forgotten) {
  unreceived_ = std::move(unreceived);
  forgotten_ = forgotten;
}

std::string trace_summary::text() const {
  std::string out = "who passed what to whom:\n";
  for (const auto& [between, sum] : passed_) {
    out += fmt::format("  {} -> {}: {}, {}", process_text(between.first.first, between.first.second),
                       process_text(between.second.first, between.second.second), counted(sum.messages, "message"),
                       counted(sum.bytes, "byte"));
    for (const auto& [kind, count] : sum.kinds) out += fmt::format(", {} {}", count, kind);
    out += '\n';
  }
  if (passed_.empty()) out += "  nobody, as far as both ends were seen\n";
  if (!losses_.empty()) out += "lost at the receiver (MSG_CTRUNC):\n";
  for (const auto& [by, message] : losses_) {
    out += fmt::format("  #{}{} of {}, by #{} of {}\n", message.origin->number, message.origin->certain ? "" : "?",
                       process_text(message.origin->program, message.origin->process), message.number,
                       process_text(by.first, by.second));
    out += lost_text(message);
  }
  if (!unreceived_.empty()) out += "sent with descriptors and not received:\n";
  for (const auto& one : unreceived_) out += unreceived_text(one);
  if (forgotten_ != 0) {
    out += fmt::format("{} with descriptors more of which nothing is known: too many were on their way\n",
                       counted(forgotten_, "message"));
  }
  if (left_out_ != 0) out += fmt::format("{} more than there is room for here\n", counted(left_out_, "message"));
  return out;
}

std::vector<json> trace_summary::records() const {
  std::vector<json> out;
  const auto process_record = [](const process& one) {
    json record{{"pid", one.second}};
    put_bytes(record, "program", one.first);
    return record;
  };
  for (const auto& [between, sum] : passed_) {
    out.push_back({{"record", "passed"},
                   {"from", process_record(between.first)},
                   {"to", process_record(between.second)},
                   {"messages", sum.messages},
                   {"bytes", sum.bytes},
                   {"descriptors", sum.kinds}});
  }
  for (const auto& [by, message] : losses_) {
    json record{{"record", "lost"},
                {"number", message.origin->number},
                {"certain", message.origin->certain},
                {"received_as", message.number},
                {"from", process_record({message.origin->program, message.origin->process})},
                {"to", process_record(by)},
                {"descriptors", json::array()}};
    for (const auto& one : message.lost) record["descriptors"].push_back(traced_record(one, false));
    out.push_back(std::move(record));
  }
  for (const auto& one : unreceived_) out.push_back(unreceived_record(one));
  if (forgotten_ != 0 || left_out_ != 0) {
    out.push_back({{"record", "incomplete"}, {"forgotten", forgotten_}, {"left_out", left_out_}});
  }
  return out;
}

}  // namespace scm::cli
