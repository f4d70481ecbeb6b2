/// A conversation with a control server: lines out, answers in, descriptors both ways.
#pragma once

#include "cli/failure.hpp"

#include <scm/channel/stream.hpp>

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <utility>

namespace scm::cli {

struct control_reply {
  std::string text;
  descriptor_list descriptors;  ///< Of all its messages.
  bool error = false;           ///< {"err":…
};

class control_session {
 public:
  /// Whoever answers must be `server`, if that is given.
  control_session(stream& over, std::string spelled, std::optional<uid_t> server)
      : over_{over}, spelled_{std::move(spelled)}, server_{server} {}

  /// Sends one line, and takes what is answered until the server has no more to say. Nothing when it hung up without a
  /// word: it went, or was replaced, and a new connection may find its successor.
  [[nodiscard]] outcome<std::optional<control_reply>> ask(const std::string& line,
                                                          std::span<const borrowed_fd> descriptors);

  /// Sends what is read from standard input, line by line, and prints what is answered as it comes; `prompt` is printed
  /// before each line. Returns whether no answer was an error.
  [[nodiscard]] outcome<bool> converse(const char* prompt);

 private:
  /// False at the end of what the server says.
  [[nodiscard]] outcome<bool> receive(control_reply& into, deadline until);
  [[nodiscard]] outcome<bool> print_what_came(bool& good);
  [[nodiscard]] std::unexpected<failure> lost(std::error_code why) const;

  stream& over_;
  std::string spelled_;
  std::optional<uid_t> server_;
};

}  // namespace scm::cli
