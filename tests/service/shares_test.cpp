// Whose turn it is, and who is let in: the decisions of a control server without its sockets.
#include "service/control_admission.hpp"
#include "service/control_shares.hpp"
#include "support/catch.hpp"

#include <array>
#include <string>

using namespace scm;
using detail::control_member;
using detail::control_share;
using detail::control_shares;

namespace {

struct named : control_member {
  explicit named(std::string its, control_share& of) : name{std::move(its)} { share = &of; }
  std::string name;
};

std::string next_of(control_shares& shares) {
  auto* const one = shares.next();
  return one == nullptr ? "nobody" : static_cast<named*>(one)->name;
}

}  // namespace

TEST_CASE("users have their turns one after another, whatever number of connections each has due") {
  control_shares shares;
  auto& many = shares.of(1);
  auto& one = shares.of(2);
  named a{"a", many}, b{"b", many}, c{"c", many}, d{"d", one};
  for (named* each : {&a, &b, &c, &d, &a}) shares.enqueue(*each);
  for (const char* wanted : {"a", "d", "b"}) CHECK(next_of(shares) == wanted);
  shares.enqueue(d);
  shares.enqueue(a);
  for (const char* wanted : {"c", "d", "a", "nobody"}) CHECK(next_of(shares) == wanted);
  CHECK_FALSE(shares.any());
}

TEST_CASE("what is gone has no turn") {
  control_shares shares;
  auto& share = shares.of(1);
  {
    named gone{"gone", share};
    shares.enqueue(gone);
  }
  CHECK(next_of(shares) == "nobody");
  named later{"later", share};
  shares.enqueue(later);
  CHECK(next_of(shares) == "later");
}

TEST_CASE("a share lives as long as its user has connections") {
  control_shares shares;
  auto& share = shares.of(1);
  share.connections = 1;
  shares.release(share);
  CHECK(&shares.of(1) == &share);
  CHECK(shares.most_unauthenticated() == nullptr);
  share.unauthenticated = 1;
  CHECK(shares.most_unauthenticated() == &share);
  share.connections = 0;
  shares.release(share);
  CHECK(shares.size() == 0);
}

TEST_CASE("who is let in follows from the lists alone, and a process without a number never is") {
  const control_access nobody{};
  const control_access both{{7, 8}, {9}};
  const control_access users{{7, 8}, {}};
  const control_access groups{{}, {9}};
  using detail::lets_in;
  for (const auto* access : {&nobody, &both, &users, &groups}) {
    CHECK_FALSE(lets_in(*access, {}));
    CHECK(lets_in(*access, credentials{1, 0, 0}));
    CHECK_FALSE(lets_in(*access, credentials{0, 0, 0}));
    CHECK_FALSE(lets_in(*access, credentials{-1, 0, 0}));
    CHECK_FALSE(lets_in(*access, credentials{0, 7, 9}));
    CHECK(lets_in(*access, credentials{1, 7, 9}) == (access != &nobody));
    CHECK(lets_in(*access, credentials{1, 8, 1}) == (access == &users));
    CHECK(lets_in(*access, credentials{1, 1, 9}) == (access == &groups));
    CHECK_FALSE(lets_in(*access, credentials{1, 0, 1}));
    CHECK_FALSE(lets_in(*access, credentials{1, 1, 0}));
  }
}
