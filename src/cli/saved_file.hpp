/// Received files, copied into a directory under names that their sender proposed.
#pragma once

#include "cli/failure.hpp"

#include <scm/core/fd.hpp>
#include <scm/inspect/description.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scm::cli {

/// The names on the first `count` lines of a message's bytes, made safe: `fd-N`, N being the descriptor's place in the
/// message, for whatever is no plain file name. Plain is up to 255 bytes without a slash or a control character, not
/// beginning with a dash (an option to the next program) or a dot (`.`, `..`, and files that programs run by
/// themselves).
[[nodiscard]] std::vector<std::string> file_names(std::string_view lines, std::size_t count);

struct saved_file {
  std::string name;  ///< Within the directory.
  std::uint64_t bytes = 0;
};

/// A directory that exists and that files are copied into.
class save_directory {
 public:
  [[nodiscard]] static outcome<save_directory> open(const std::string& path);

  /// Copies a regular file or memfd from its first byte on, without moving its offset, to a new file; zeros become
  /// holes. Nothing that exists is ever written to. On failure nothing is left, of files that others do not replace
  /// meanwhile.
  [[nodiscard]] outcome<saved_file> save(borrowed_fd file, const description& what, const std::string& name,
                                         std::uint64_t max_bytes) const;

 private:
  save_directory(owned_fd&& directory, std::string path) : directory_{std::move(directory)}, path_{std::move(path)} {}

  owned_fd directory_;
  std::string path_;  // for messages: escaped
};

}  // namespace scm::cli
