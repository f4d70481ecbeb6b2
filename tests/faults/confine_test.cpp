// Giving up privileges and files on kernels that lack something, or that accept what they do not do.
#include "faults/confining.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/skip.hpp"

#include <scm/process/confine.hpp>

#include <functional>
#include <vector>

using namespace scm;
using namespace scm::test;
using sys::call;

namespace {

// Answers in a kernel's place that does nothing and says that it did.
faults::hook deaf_to(call deaf, int word = 0) {
  return [=](call which, void* argument, long& result) {
    if (which != deaf || (word != 0 && *static_cast<int*>(argument) != word)) return false;
    result = 0;
    return true;
  };
}

struct outcome_of {
  std::error_code code;
  confine_step step{};
};
template <class Act>
outcome_of under(const faults::hook& hook, Act act) {
  outcome_of out;
  apart([&] {
    const faults installed{hook};
    if (const auto done = act(); !done) out = {done.error().code, done.error().step};
  });
  return out;
}

}  // namespace

TEST_CASE("what a kernel accepts and does not do is found out", "[faults][no-valgrind]") {
  const auto capabilities = under(deaf_to(call::capset), [] { return drop_capabilities(); });
  const auto privileges = under(deaf_to(call::prctl, PR_SET_NO_NEW_PRIVS), [] { return drop_capabilities(); });
  CHECK(privileges.code == errc::unsupported);
  CHECK(privileges.step == confine_step::no_new_privileges);
  if (::geteuid() != 0) SCM_SKIP("without privileges there is nothing to keep");
  CHECK(capabilities.code == errc::unsupported);
  CHECK(capabilities.step == confine_step::capabilities);
  const auto bounds = under(deaf_to(call::prctl, PR_CAPBSET_DROP), [] { return drop_capabilities(); });
  CHECK(bounds.code == errc::unsupported);
  CHECK(bounds.step == confine_step::bounding_set);
  const auto groups = under(deaf_to(call::setgroups), [] {
    join_groups();
    return drop_groups();
  });
  CHECK(groups.code == errc::unsupported);
  CHECK(groups.step == confine_step::groups);
}

TEST_CASE("each version of Landlock is asked for what it knows, and no more is said to be denied",
          "[faults][no-valgrind]") {
  if (!has_landlock()) SCM_SKIP("no Landlock");
  const int here = sys::landlock_version();
  for (int version = 0; version <= here; ++version) {
    INFO("version " << version);
    sys::landlock_ruleset asked{};
    result<denied_access, confine_error> denied, insisted;
    const faults::hook older = [&](call which, void* argument, long& answer) {
      if (which != call::landlock_create_ruleset) return false;
      if (argument != nullptr) {
        asked = *static_cast<sys::landlock_ruleset*>(argument);
        return false;
      }
      answer = version == 0 ? -1 : version;
      errno = EOPNOTSUPP;
      return true;
    };
    apart([&] {
      const owned_fd folder{::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
      const faults installed{older};
      insisted = restrict_access({.insist = true});
      denied = restrict_access({.files = {{folder, may_change}}});  // rights that it does not know are no error
    });
    REQUIRE(denied);
    CHECK(denied->version == version);
    CHECK(denied->files.bits() == asked.files);
    static constexpr std::uint64_t files[]{0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff};
    CHECK(asked.files == files[version < 5 ? version : 5]);
    CHECK(asked.network == (version >= 4 ? 3 : 0));
    CHECK(denied->tcp == (version >= 4));
    CHECK(asked.scopes == (version >= 6 ? 3 : 0));
    CHECK(denied->abstract_sockets == (version >= 6));
    CHECK(denied->signals == (version >= 6));
    CHECK(insisted.has_value() == (version >= 6));
    if (!insisted) {
      CHECK(insisted.error().code == errc::unsupported);
      CHECK(insisted.error().step == confine_step::ruleset);
    }
  }
}

TEST_CASE("who insists on what an older kernel has gets it there", "[faults][no-valgrind]") {
  if (!has_landlock()) SCM_SKIP("no Landlock");
  const faults::hook stock = [](call which, void* argument, long& answer) {  // Linux 6.1
    if (which != call::landlock_create_ruleset || argument != nullptr) return false;
    answer = 2;
    return true;
  };
  const auto done = under(stock, [] {
    return restrict_access({.unrestricted = {file_right::truncate, file_right::device_ioctl},
                            .tcp = true,
                            .abstract_sockets = true,
                            .signals = true,
                            .insist = true});
  });
  CHECK_FALSE(done.code);
}

TEST_CASE("threads are counted where the kernel may not be asked for them", "[faults][no-valgrind]") {
  const auto forbidden = [](nlink_t links) -> faults::hook {
    return [links](call which, void* argument, long& result) {
      if (which == call::unshare) {
        errno = EPERM;
        result = -1;
        return true;
      }
      if (which != call::lstat) return false;
      static_cast<struct stat*>(argument)->st_nlink = links;
      result = 0;
      return true;
    };
  };
  const auto drop = [] { return drop_capabilities(); };
  CHECK_FALSE(under(forbidden(3), drop).code);
  const auto two = under(forbidden(4), drop);
  CHECK(two.code == std::errc::device_or_resource_busy);
  CHECK(two.step == confine_step::threads);
}
