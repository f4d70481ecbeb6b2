/// Finding a program as execvp(3) does.
#pragma once

#include <scm/core/result.hpp>

#include <string>

namespace scm::cli {

/// The path of a program: the word itself with a slash in it, else of the first folder of PATH that has a file of that
/// name which can be executed. Errors: ENOENT; EACCES where there are such files, and none can be.
[[nodiscard]] result<std::string> find_program(const std::string& word);

}  // namespace scm::cli
