// Reading the tables of a document, which a test holds to what the code does.
#pragma once

#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace scm::test {

using words = std::set<std::string>;

// The words in backquotes of a cell.
inline words quoted(const std::string& cell) {
  words all;
  for (std::size_t from = cell.find('`'); from != std::string::npos;) {
    const std::size_t to = cell.find('`', from + 1);
    if (to == std::string::npos) break;
    all.insert(cell.substr(from + 1, to - from - 1));
    from = cell.find('`', to + 1);
  }
  return all;
}

// The table of two columns under a heading: what the second says in backquotes, by the text of the first.
inline std::map<std::string, words> table_under(const std::string& heading, const std::string& path) {
  std::ifstream file{path};
  if (!file) throw std::runtime_error{path};
  std::map<std::string, words> rows;
  bool here = false;
  bool head = true;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) here = line == heading;
    if (!here || !line.starts_with("| ")) continue;
    if (std::exchange(head, false)) continue;
    const std::size_t middle = line.find(" | ", 2);
    if (middle == std::string::npos) throw std::runtime_error{line};
    if (!rows.emplace(line.substr(2, middle - 2), quoted(line.substr(middle))).second) throw std::runtime_error{line};
  }
  return rows;
}

}  // namespace scm::test
