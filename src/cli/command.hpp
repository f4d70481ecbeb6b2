/// A command that is run with received descriptors.
#pragma once

#include "cli/failure.hpp"

#include <scm/core/descriptor_list.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace scm::cli {

/// What the command finds, for the help.
inline constexpr auto command_help =
    "COMMAND finds the descriptors at 3 and up, in the order sent, standard input, output and error as they were, and\n"
    "nothing else open. SCM_FDS and LISTEN_FDS hold their count, LISTEN_PID its process id, and SCM_PAYLOAD_BYTES the\n"
    "size of the message's bytes. The bytes themselves, which are whatever the sender says, are not handed on.";

/// Runs `words` (a program, looked up in PATH, and its arguments) and waits for it. `descriptors` are its alone: they
/// are closed here once it has them. Returns the exit status to end with: its own, 128 and the signal when one killed
/// it, 127 when there is no such program and 126 when it cannot be executed, which has been complained about then.
[[nodiscard]] outcome<int> run_command(std::span<const std::string> words, descriptor_list& descriptors,
                                       std::size_t payload_bytes);

/// Becomes `words` instead, with `descriptors` from 3 on, each named `name` in LISTEN_FDNAMES: the process id stays, so
/// that who started scm has the program itself. Returns only where that fails, as above.
[[nodiscard]] int become_command(std::span<const std::string> words, std::span<const borrowed_fd> descriptors,
                                 const std::string& name);

}  // namespace scm::cli
