/// How the demo fails: with one sentence for whoever runs it.
#pragma once

#include <scm/core/result.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

namespace demo {

template <class T>
using outcome = std::expected<T, std::string>;

/// "WHAT: the error's own words".
[[nodiscard]] inline std::unexpected<std::string> failed(std::string_view what, const std::error_code& why) {
  return std::unexpected{fmt::format("{}: {}", what, why.message())};
}
[[nodiscard]] inline std::unexpected<std::string> failed(std::string_view what, int number = errno) {
  return failed(what, std::error_code{number, std::system_category()});
}

}  // namespace demo
