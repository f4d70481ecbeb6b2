/// Standard input, output and error: open from the first line of main() on, whatever the program was started with.
#pragma once

namespace scm::cli {

/// Opens what is closed of 0, 1 and 2 on /dev/null, so that no descriptor that is received later becomes somebody's
/// standard output; the wrong way round, so that using it still fails. Ends the program if it cannot.
void hold_standard_streams() noexcept;

/// Whether the program was started with descriptor `number`: open, and not one that `hold_standard_streams` opened.
/// To be asked before anything else is opened.
[[nodiscard]] bool was_inherited(int number) noexcept;

}  // namespace scm::cli
