/// A received message in print: lines for people, a record for programs.
#pragma once

#include "cli/failure.hpp"
#include "cli/saved_file.hpp"
#include "cli/sender.hpp"

#include <scm/channel/message.hpp>
#include <scm/inspect/description.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scm::cli {

/// What is told of one descriptor.
struct received_descriptor {
  result<description> what;
  std::optional<outcome<saved_file>> saved{};  ///< With --save.
};

struct received {
  std::size_t number = 0;  ///< Counted from 1.
  std::string_view bytes;
  sender from;
  std::optional<address> address_of_sender;  ///< Datagrams only, and only if it has one.
  std::vector<received_descriptor> descriptors;
};

/// Several lines; whatever others have chosen is escaped, and long bytes are cut.
[[nodiscard]] std::string received_text(const received& message);
/// One object. Bytes that are no UTF-8 appear twice: readable in "payload", and exact in "payload_hex".
[[nodiscard]] nlohmann::json received_record(const received& message);

}  // namespace scm::cli
