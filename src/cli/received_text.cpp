#include "cli/received_text.hpp"

#include "cli/bounds.hpp"
#include "cli/describe_text.hpp"
#include "cli/json_bytes.hpp"

#include <fmt/format.h>

namespace scm::cli {
namespace {

using nlohmann::json;

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string saved_text(const outcome<saved_file>& saved) {
  if (!saved) return saved.error().text;
  return fmt::format("saved as {}, {}", shown(saved->name), counted(saved->bytes, "byte"));
}

}  // namespace

std::string received_text(const received& message) {
  std::string out = fmt::format("message {}: {}, {}\n", message.number, counted(message.bytes.size(), "byte"),
                                counted(message.descriptors.size(), "descriptor"));
  out += fmt::format("  from {}\n", sender_text(message.from));
  if (message.address_of_sender) out += fmt::format("  sent from {}\n", message.address_of_sender->text().view());
  if (!message.bytes.empty()) {
    const bool cut = message.bytes.size() > bounds::bytes_shown;
    out += fmt::format("  bytes \"{}\"{}\n", shown(message.bytes.substr(0, bounds::bytes_shown)),
                       cut ? fmt::format(" and {} more", message.bytes.size() - bounds::bytes_shown) : "");
  }
  if (!message.descriptors.empty()) out += fmt::format("  {}\n", description_title());
  for (std::size_t i = 0; i != message.descriptors.size(); ++i) {
    const auto& one = message.descriptors[i];
    const auto label = fmt::format("[{}]", i);
    out += one.what ? fmt::format("  {}\n", description_line(label, *one.what))
                    : fmt::format("  {} cannot be described: {}\n", label, one.what.error().message());
    if (one.saved) out += fmt::format("      {}\n", saved_text(*one.saved));
  }
  return out;
}

json received_record(const received& message) {
  json out;
  out["message"] = message.number;
  out["size"] = message.bytes.size();
  put_bytes(out, "payload", std::string{message.bytes});
  out["sender"] = sender_record(message.from);
  if (message.address_of_sender) out["from"] = message.address_of_sender->text().view();
  out["descriptors"] = json::array();
  for (const auto& one : message.descriptors) {
    json record = one.what ? description_record(*one.what) : json{{"error", one.what.error().message()}};
    record.erase("close_on_exec");  // of our own descriptor, not of what was sent
    if (one.saved && *one.saved) record["saved"] = {{"name", (*one.saved)->name}, {"bytes", (*one.saved)->bytes}};
    if (one.saved && !*one.saved) record["not_saved"] = one.saved->error().text;
    out["descriptors"].push_back(std::move(record));
  }
  return out;
}

}  // namespace scm::cli
