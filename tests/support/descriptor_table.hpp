// The process's descriptor table as a value: the oracle that proves a leak from outside the code under test.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace scm::test {

struct descriptor_entry {
  int number;
  dev_t device;
  ino_t inode;
  int descriptor_flags;  // F_GETFD: close-on-exec
  int status_flags;      // F_GETFL: shared with everybody who holds the same open file
  std::string name;      // for messages only: it changes when somebody else renames or unlinks the file

  friend bool operator==(const descriptor_entry& a, const descriptor_entry& b) noexcept {
    return a.number == b.number && a.device == b.device && a.inode == b.inode &&
           a.descriptor_flags == b.descriptor_flags && a.status_flags == b.status_flags;
  }
};

class descriptor_table {
 public:
  // Every descriptor open in this process now, by number. Throws std::system_error without /proc.
  static descriptor_table now();

  const std::vector<descriptor_entry>& entries() const noexcept { return entries_; }
  friend bool operator==(const descriptor_table&, const descriptor_table&) = default;

 private:
  std::vector<descriptor_entry> entries_;
};

// One line for each descriptor that was left open, closed, or is not what it was; empty when the tables are equal.
std::string difference(const descriptor_table& before, const descriptor_table& after);

}  // namespace scm::test
