/// Lines of cells, aligned in columns, and coloured where a person looks at them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace scm::cli {

enum class tint : unsigned char { plain, faint, bold, good, notable, name };

/// Text that is safe to print, of one column a character.
struct cell {
  std::string text;
  tint colour = tint::plain;
};

/// Whether standard output is a terminal that colours are wanted on: not with NO_COLOR (https://no-color.org) or
/// TERM=dumb.
[[nodiscard]] bool colours_wanted() noexcept;

class table {
 public:
  struct column {
    std::string title;
    bool number = false;  ///< To the right.
  };

  explicit table(std::vector<column> columns) : columns_{std::move(columns)} {}

  /// A cell for each column.
  void add(std::vector<cell> line) { lines_.push_back(std::move(line)); }

  /// All of it, the titles first. Cells longer than `bounds::column_width` push only their own line.
  [[nodiscard]] std::string text(bool coloured) const;

 private:
  std::vector<column> columns_;
  std::vector<std::vector<cell>> lines_;
};

}  // namespace scm::cli
