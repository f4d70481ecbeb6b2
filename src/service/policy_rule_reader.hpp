/// Reads one rule of a policy, word by word.
#pragma once

#include "inspect/piece.hpp"

#include <scm/service/policy.hpp>

#include <cstddef>
#include <cstdint>

namespace scm::inline v0_1::detail {

/// "deny=EPERM" and its kin.
[[nodiscard]] fault read_outcome(piece action, policy_outcome& into) noexcept;

/// What stands behind the action. All of it throws std::bad_alloc.
class rule_reader {
 public:
  rule_reader(policy_outcome outcome, std::size_t line) {
    out.outcome = outcome;
    out.line = line;
  }

  [[nodiscard]] fault read_direction(piece word);
  /// A condition or a placement.
  [[nodiscard]] fault read_word(piece word);
  /// A placement alone: for a default.
  [[nodiscard]] fault read_placement(piece word);

  /// Whether it says nothing of a message but which way it goes.
  [[nodiscard]] bool takes_all() const;

  policy_rule out;

 private:
  enum class key : unsigned char;
  struct words;

  bool is_first(key which) noexcept;
  [[nodiscard]] fault place(key which, piece word) noexcept;
  [[nodiscard]] fault read_range(piece word, std::optional<size_range>& range, key which, std::uint64_t bound) noexcept;
  /// Of what is said of descriptors and of their number.
  [[nodiscard]] fault contradiction(piece word) const noexcept;
  [[nodiscard]] fault read_value(key which, piece word, piece value);

  unsigned seen_ = 0;
};

}  // namespace scm::inline v0_1::detail
