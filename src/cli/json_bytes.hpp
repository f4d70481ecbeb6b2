/// Bytes that may not be text, in JSON records.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace scm::cli {

/// Sets `key` to the bytes, and where they are not UTF-8, which JSON text replaces, `key`_hex to all of them.
void put_bytes(nlohmann::json& record, const std::string& key, const std::string& bytes);

}  // namespace scm::cli
