// What is known of a peer: labels as values, and parts that can be missing one by one.
#include "support/catch.hpp"
#include "support/witness.hpp"

#include <scm/core/identity.hpp>

#include <string>
#include <type_traits>

using scm::security_label;

static_assert(!std::is_default_constructible_v<scm::attested<scm::credentials>> ||
                  !std::is_default_constructible_v<scm::result<scm::credentials>>,
              "an identity without a statement about it would be somebody");
static_assert(!std::is_copy_constructible_v<scm::peer_identity>, "an identity owns a pidfd");

TEST_CASE("a label is empty until it is made of something") {
  CHECK(security_label{}.empty());
  CHECK(security_label{}.view().empty());
  CHECK(security_label{""}.empty());
}

TEST_CASE("a label is a copy of up to 256 bytes") {
  for (const std::size_t size : {1u, 100u, 255u, 256u}) {
    std::string text(size, 'l');
    text.front() = '<';
    text.back() = '>';
    const security_label label{text};
    const std::string expected = text;
    text.assign(size, 'x');
    CHECK(label.view() == expected);
    CHECK_FALSE(label.empty());
    const security_label copy = label;
    CHECK(copy.view() == expected);
    CHECK(copy.view().data() != label.view().data());
  }
}

TEST_CASE("what does not fit a label is not stored") {
  const security_label label{std::string(256, 'l') + std::string(1000, 'x')};
  CHECK(label.view() == std::string(256, 'l'));
}

TEST_CASE("each part of an identity is a value or the reason for having none") {
  using scm::evidence;
  const auto missing = [](scm::errc why) { return std::unexpected{scm::make_error_code(why)}; };
  scm::test::witness process;
  {
    const scm::peer_identity peer{.process = {scm::credentials{7, 1000, 100}, evidence::connection},
                                  .pidfd = {process.give(), evidence::message},
                                  .groups = {missing(scm::errc::unsupported), evidence::connection},
                                  .label = {security_label{"unconfined"}, evidence::connection}};
    CHECK(peer.process.value.value().uid == 1000);
    CHECK(peer.pidfd.from == evidence::message);
    CHECK(process.is(*peer.pidfd.value));
    CHECK(peer.groups.value.error() == scm::errc::unsupported);
    CHECK(peer.label.value->view() == "unconfined");
  }
  CHECK(process.closed());
}
