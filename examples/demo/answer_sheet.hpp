/// Memory that a stranger may write into, and that its owner can read without fear.
#pragma once

#include "answer.hpp"
#include "outcome.hpp"

#include <scm/core/fd.hpp>

namespace demo {

/// A memfd of the size of an answer, sealed so that nobody can shrink it under its reader or fill the machine by
/// growing it.
[[nodiscard]] outcome<scm::owned_fd> make_answer_sheet();

[[nodiscard]] outcome<void> write_answer(scm::borrowed_fd sheet, const answer& given);
[[nodiscard]] outcome<answer> read_answer(scm::borrowed_fd sheet);

}  // namespace demo
