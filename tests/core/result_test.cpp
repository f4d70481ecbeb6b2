// Errors: each has a message of its own, and the operating system's pass through.
#include "core/os_error.hpp"
#include "support/catch.hpp"

#include <scm/core/control_view.hpp>
#include <scm/core/result.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

using scm::errc;

namespace {

constexpr int last = static_cast<int>(errc::wrong_namespace);

}  // namespace

TEST_CASE("each error has a message of its own") {
  const std::string unknown = scm::category().message(0);
  std::vector<std::string> messages{unknown};
  for (int value = 1; value <= last; ++value) {
    messages.push_back(std::error_code{static_cast<errc>(value)}.message());
    CHECK_FALSE(messages.back().empty());
  }
  std::ranges::sort(messages);
  CHECK(std::ranges::adjacent_find(messages) == messages.end());
  CHECK(scm::category().message(last + 1) == unknown);
  CHECK(scm::category().message(-1) == unknown);
}

TEST_CASE("only the system's EAGAIN is a call that would block") {
  CHECK(scm::detail::would_block(scm::detail::os_error(EAGAIN)));
  CHECK_FALSE(scm::detail::would_block(scm::detail::os_error(EINTR)));
  CHECK_FALSE(scm::detail::would_block(std::error_code{EAGAIN, scm::category()}));
}

TEST_CASE("an error is a code of the category scm") {
  const std::error_code code = errc::descriptors_lost;
  CHECK(code.category() == scm::category());
  CHECK(std::string{code.category().name()} == "scm");
  CHECK(code.value() == static_cast<int>(errc::descriptors_lost));
  CHECK(code);
  CHECK(code == errc::descriptors_lost);
  CHECK(code != errc::over_limit);
  CHECK(code != std::error_code{code.value(), std::system_category()});
}

TEST_CASE("an error of the operating system passes through") {
  for (const int number : {EPERM, EAGAIN, EMFILE, EPIPE, ENOBUFS}) {
    const std::error_code code = scm::detail::os_error(number);
    CHECK(code.value() == number);
    CHECK(code.category() == std::system_category());
    CHECK(scm::detail::os_failure(number).error() == code);
  }
  errno = ENOTCONN;
  CHECK(scm::detail::os_error() == std::errc::not_connected);
  errno = EAGAIN;
  CHECK(scm::detail::os_failure().error() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("too many references is told as too many descriptors in flight") {
  CHECK(scm::detail::os_error(ETOOMANYREFS) == errc::too_many_in_flight);
  CHECK(scm::detail::os_failure(ETOOMANYREFS).error() == errc::too_many_in_flight);
}

TEST_CASE("an error with a place converts to a code in a result") {
  using scm::parse_error;
  const auto parse = []() -> scm::result<int, parse_error> {
    return std::unexpected{parse_error{parse_error::fault::payload_size, 5}};
  };
  const auto outer = [&]() -> scm::result<int> {
    const auto inner = parse();
    if (!inner) return std::unexpected<std::error_code>{inner.error()};
    return *inner;
  };
  CHECK(outer().error() == errc::malformed);
}
