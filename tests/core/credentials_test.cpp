// Who a process is: never root by accident.
#include "support/catch.hpp"

#include <scm/core/credentials.hpp>

#include <unistd.h>

#include <type_traits>

using scm::credentials;

static_assert(!std::is_default_constructible_v<credentials>, "a value made of zeros would read as root");
static_assert(std::is_nothrow_constructible_v<credentials, pid_t, uid_t, gid_t>);
static_assert(!std::is_aggregate_v<credentials>);
static_assert(credentials{1, 2, 3} == credentials{1, 2, 3});

TEST_CASE("own credentials are this process with its real ids") {
  const credentials own = credentials::own();
  CHECK(own.pid == ::getpid());
  CHECK(own.uid == ::getuid());
  CHECK(own.gid == ::getgid());
}

TEST_CASE("credentials keep process user and group apart") {
  const credentials made{11, 22, 33};
  CHECK(made.pid == 11);
  CHECK(made.uid == 22);
  CHECK(made.gid == 33);
}

TEST_CASE("credentials are the same only if process, user and group are") {
  const credentials made{1, 2, 3};
  CHECK(made == credentials{1, 2, 3});
  for (const credentials& other : {credentials{9, 2, 3}, credentials{1, 9, 3}, credentials{1, 2, 9}}) {
    CHECK_FALSE(made == other);
  }
}
