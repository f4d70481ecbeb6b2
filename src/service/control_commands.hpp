/// The words of a control server's own: what it answers by itself, and how lines become words.
#pragma once

#include <scm/service/control_options.hpp>
#include <scm/service/control_request.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scm::inline v0_1::detail {

/// Puts the words of a line into `words`, lent; a carriage return at its end is dropped. False where it holds a control
/// character. Throws std::bad_alloc.
[[nodiscard]] bool split_words(std::string_view line, std::vector<std::string_view>& words);

/// Whether it is one word, of at least one character.
[[nodiscard]] bool is_word(std::string_view text) noexcept;

/// Whether handlers cannot have this name.
[[nodiscard]] bool is_own_command(std::string_view name) noexcept;

/// What `prompt` asks for; nothing where it is none of n, i and p.
[[nodiscard]] std::optional<control_mode> mode_asked(std::span<const std::string_view> words,
                                                     control_mode now) noexcept;

/// {"err":number,"msg":"message"}
[[nodiscard]] std::string error_text(int number, std::string_view message);
[[nodiscard]] std::string version_text(const control_options& options);
/// For programs, and for people.
[[nodiscard]] std::string stat_text(const control_statistics& now);
[[nodiscard]] std::string stats_text(const control_statistics& now);

}  // namespace scm::inline v0_1::detail
