/// Traced calls in print: lines for people, records for programs.
#pragma once

#include <scm/service/tracer_call.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace scm::cli {

/// Adds a line for the call, one for each descriptor and other control message, and one for what went wrong. Whatever
/// others have chosen is escaped. The traced program waits for this: what every call has is put there without a detour.
void add_call(fmt::memory_buffer& out, const traced_call& call, std::chrono::system_clock::time_point start);
[[nodiscard]] nlohmann::json call_record(const traced_call& call);

[[nodiscard]] std::string unreceived_text(const unreceived_message& message);
[[nodiscard]] nlohmann::json unreceived_record(const unreceived_message& message);

/// A descriptor, as the sender or the receiver has it.
[[nodiscard]] nlohmann::json traced_record(const traced_descriptor& one, bool received);

/// "NAME[PID]", escaped.
[[nodiscard]] std::string process_text(const std::string& program, pid_t process);
/// "1 byte", "2 bytes".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);
/// A line for each, with its number at the sender and at the receiver.
[[nodiscard]] std::string lost_text(const traced_message& message);

}  // namespace scm::cli
