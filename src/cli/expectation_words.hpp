/// --expect: how rules are spelled on the command line, and how what is wrong with them is shown.
#pragma once

#include <scm/inspect/admission.hpp>

#include <string>

namespace scm::cli {

/// For the help.
inline constexpr auto expectation_help =
    "RULES of --expect have a comma between two of them; / is or, + is and:\n"
    "  KIND/KIND          what scm inspect calls it: regular_file, memfd, socket, ...; any\n"
    "                     (without: any but directory, path_handle and what makes its user wait)\n"
    "  access=r/w/rw      what the descriptor allows\n"
    "  flags=append+sync  status flags that are set; flags!= those that are not\n"
    "  seals=shrink+grow  what nobody can do to a memfd any more\n"
    "  size>=4K           bytes; also size<=N and size=N\n"
    "  device=1:3  family=unix  type=stream  listening=yes  inode=MAJOR:MINOR:INODE\n"
    "  below=/srv/images  a hint only: files can be moved";

/// For CLI11: empty when `text` can be parsed, else what is wrong at which character.
[[nodiscard]] std::string expectation_fault(const std::string& text);

}  // namespace scm::cli
