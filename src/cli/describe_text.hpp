/// A description in print: a line of a table for people, a record for programs.
#pragma once

#include <scm/inspect/description.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace scm::cli {

/// The titles over `description_line`'s columns, without a newline.
[[nodiscard]] std::string description_title();

/// One line without a newline: `label` (a descriptor's number, say, printed as it is), what it is, and details.
/// Everything that others could have chosen is escaped (`safe_text`).
[[nodiscard]] std::string description_line(std::string_view label, const description& what);
void add_description(fmt::memory_buffer& out, std::string_view label, const description& what);

/// The same in few words, for the middle of a line: "memfd rw 4096 bytes sealed shrink,grow name".
[[nodiscard]] std::string description_summary(const description& what);

/// An object. Parts without a value are left out. Names with bytes that are no UTF-8 appear twice: readable, and exact
/// as "…_hex".
[[nodiscard]] nlohmann::json description_record(const description& what);

/// `record` on one line in plain ASCII, so that it is safe on a terminal too. Never throws for what strings hold.
[[nodiscard]] std::string json_text(const nlohmann::json& record);

}  // namespace scm::cli
