/// The parent's side: opens the file, starts the child, hands over, waits.
#pragma once

#include "answer.hpp"
#include "outcome.hpp"

#include <scm/inspect/description.hpp>

#include <array>
#include <chrono>
#include <string>

namespace demo {

/// All that there is to tell.
struct errand {
  std::string file;  ///< Its name, as given: any bytes.
  pid_t child = 0;
  confinement given_up;
  identity greeter;  ///< Who sent the child's greeting, as the parent sees it: SCM_CREDENTIALS.
  std::array<scm::description, slots> sent;
  answer given;
  std::chrono::nanoseconds start_time{};   ///< Until the child was confined.
  std::chrono::nanoseconds answer_time{};  ///< From the send to the signal.
};

/// Never hangs: every wait has a deadline, and notices the child's death.
[[nodiscard]] outcome<errand> run_errand(const std::string& file);

}  // namespace demo
