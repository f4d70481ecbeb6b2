/// What is to be found out about a file.
#pragma once

#include "answer.hpp"
#include "outcome.hpp"

#include <scm/core/fd.hpp>

namespace demo {

/// Reads all of a regular file, from its start and without moving its offset, and fills in bytes, lines (newlines, as
/// wc -l counts them), SHA-256 and the time that it took.
[[nodiscard]] outcome<void> digest(scm::borrowed_fd file, answer& into);

}  // namespace demo
