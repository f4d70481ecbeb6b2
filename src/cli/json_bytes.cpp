#include "cli/json_bytes.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string_view>

namespace scm::cli {
namespace {

using nlohmann::json;

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out;
}

bool is_utf8(const json& text) {
  try {
    static_cast<void>(text.dump());
    return true;
  } catch (const json::type_error&) {
    return false;
  }
}

}  // namespace

void put_bytes(json& record, const std::string& key, const std::string& bytes) {
  json& text = record[key] = bytes;
  if (!is_utf8(text)) record[key + "_hex"] = hex(bytes);
}

}  // namespace scm::cli
