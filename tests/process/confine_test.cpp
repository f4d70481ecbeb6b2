// What a process has given up it does not get back, and what it has open goes on working.
#include "process/confined.hpp"

#include <scm/channel/seqpacket.hpp>
#include <scm/process/confine.hpp>

#include <linux/capability.h>
#include <sys/prctl.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <thread>

using namespace scm;
using namespace scm::test;

namespace {

const bool is_root = ::geteuid() == 0;

// What anybody can give up: for groups a privilege is needed.
confinement whatever_is_possible() { return {.keep_groups = !is_root}; }

// The capabilities of this process, and how to set them.
struct capabilities {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct halves[_LINUX_CAPABILITY_U32S_3]{};

  capabilities() { ::syscall(SYS_capget, &header, halves); }
  bool set() { return ::syscall(SYS_capset, &header, halves) == 0; }
};
bool make_inheritable(unsigned one) {
  capabilities own;
  own.halves[one / 32].inheritable |= 1U << one % 32;
  return own.set();
}
bool make_ineffective(unsigned one) {
  capabilities own;
  own.halves[one / 32].effective &= ~(1U << one % 32);
  return own.set();
}

// What a program that this process becomes has in its status.
std::string status_after_exec(const std::string& pattern) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "no pipe";
  const owned_fd out{ends[0]};
  owned_fd in{ends[1]};
  lone_child program{[&] {
    ::dup2(in.native_handle(), 1);
    ::execl("/bin/grep", "grep", "-E", pattern.c_str(), "/proc/self/status", nullptr);
    return false;
  }};
  in.reset();
  std::string text;
  for (char c; ::read(out.native_handle(), &c, 1) == 1;) text += c;
  return program.succeeded() ? text : "not started";
}

}  // namespace

TEST_CASE("a confined process opens nothing, and what it has open goes on working", "[confine]") {
  if (landlock_version() == 0) SCM_SKIP("no Landlock");
  lone_child apart{[] {
    auto [here, there] = seqpacket::pair().value();
    const owned_fd file = open_to("/etc/passwd", O_RDONLY), folder = open_to("/etc", O_RDONLY | O_DIRECTORY);
    const own_status status;
    const auto denied = confine(whatever_is_possible());
    HOLDS(denied);
    HOLDS(denied->files.contains(file_right::read));
    for (const char* path : {"/etc/passwd", "/etc", "/proc/self/status", "/dev/null", "/"}) {
      HOLDS(error_of_opening(path) == EACCES);
    }
    HOLDS(error_of_opening("/tmp/made by a confined process", O_WRONLY | O_CREAT) == EACCES);
    HOLDS(::unlink("/etc/passwd") != 0 && errno != ENOENT);
    HOLDS(::openat(folder.native_handle(), "passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);

    char byte = 0;
    HOLDS(::read(file.native_handle(), &byte, 1) == 1);
    std::array<std::byte, 16> buffer;
    HOLDS(here.send("x", {file.get()}));
    const auto got = there.receive(buffer, 1);
    HOLDS(got && got->descriptors.size() == 1);
    HOLDS(::read(got->descriptors[0].native_handle(), &byte, 1) == 1);

    HOLDS(status.has_no_capabilities());
    HOLDS(status["NoNewPrivs"] == "1");
    HOLDS(!is_root || status["Groups"].empty());
    HOLDS(::prctl(PR_GET_DUMPABLE) == 0);
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("capabilities are gone from every set, and neither asking nor starting a program gets one", "[confine]") {
  lone_child apart{[] {
    const own_status status;
    if (is_root) {
      HOLDS(make_inheritable(CAP_CHOWN));
      HOLDS(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == 0);
      HOLDS(status["CapAmb"] == "0000000000000001");
    }
    HOLDS(drop_capabilities());
    HOLDS(status.has_no_capabilities());
    HOLDS(!is_root || status["CapBnd"] == std::string(16, '0'));
    HOLDS(status["NoNewPrivs"] == "1");
    HOLDS(!make_inheritable(CAP_CHOWN) && errno == EPERM);
    HOLDS(::prctl(PR_SET_DUMPABLE, 1) == 0);  // it is as it was; so that /proc can be read there
    const std::string none(16, '0');
    const std::string after = status_after_exec("^Cap(Inh|Prm|Eff|Amb):|^NoNewPrivs:");
    HOLDS(after == "CapInh:\t" + none + "\nCapPrm:\t" + none + "\nCapEff:\t" + none + "\nCapAmb:\t" + none +
                       "\nNoNewPrivs:\t1\n");
    HOLDS(drop_capabilities());  // there is nothing left, which is no error
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("without the privilege to empty it the bounding set stays, and gives nothing", "[confine]") {
  if (is_root) {
    lone_child root{[] {
      const own_status status;
      const std::string before = status["CapBnd"];
      HOLDS(make_ineffective(CAP_SETPCAP));
      HOLDS(confine({.dumps = true, .access = {}}));
      HOLDS(status.has_no_capabilities());
      HOLDS(status["CapBnd"] == before);
      const std::string none(16, '0');
      return status_after_exec("^Cap(Prm|Eff):") == "CapPrm:\t" + none + "\nCapEff:\t" + none + "\n";
    }};
    CHECK(root.succeeded());
  }
  lone_child apart{[] {
    HOLDS(become_nobody());
    const own_status status;
    const std::string before = status["CapBnd"];
    HOLDS(drop_capabilities());
    HOLDS(status.has_no_capabilities());
    HOLDS(status["CapBnd"] == before);
    HOLDS(status["NoNewPrivs"] == "1");
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("groups are gone for good, and who cannot drop them is told so", "[confine]") {
  if (!is_root) SCM_SKIP("supplementary groups take root to set");
  lone_child apart{[] {
    const gid_t some[]{1, 2, 3};
    HOLDS(::setgroups(3, some) == 0);
    HOLDS(drop_groups());
    HOLDS(::getgroups(0, nullptr) == 0);
    HOLDS(drop_groups());
    return true;
  }};
  CHECK(apart.succeeded());
  lone_child unable{[] {
    const gid_t some[]{1, 2, 3};
    HOLDS(::setgroups(3, some) == 0);
    HOLDS(::setresuid(65534, 65534, 65534) == 0);
    const auto dropped = drop_groups();
    HOLDS(!dropped && dropped.error().code == std::errc::operation_not_permitted);
    HOLDS(dropped.error().step == confine_step::groups);
    HOLDS(::getgroups(0, nullptr) == 3);
    HOLDS(confine({}).error().step == confine_step::groups);
    HOLDS(confine({.keep_groups = true}));
    return true;
  }};
  CHECK(unable.succeeded());
}

TEST_CASE("somebody else is somebody else for good, with the groups that were named", "[confine]") {
  if (!is_root) SCM_SKIP("changing the user takes root");
  lone_child apart{[] {
    const own_status status;
    constexpr uid_t nobody = 65534;
    HOLDS(confine({.as = run_as{.user = nobody, .group = nobody, .groups = {7}}}));
    HOLDS(status["Uid"] == "65534\t65534\t65534\t65534");
    HOLDS(status["Gid"] == "65534\t65534\t65534\t65534");
    HOLDS(status["Groups"] == "7");
    HOLDS(status.has_no_capabilities());
    HOLDS(status["CapBnd"] == std::string(16, '0'));
    HOLDS(::setresuid(0, 0, 0) != 0 && errno == EPERM);
    HOLDS(::setresgid(0, 0, 0) != 0 && errno == EPERM);
    HOLDS(::setgroups(0, nullptr) != 0 && errno == EPERM);
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("what is kept is kept: without Landlock files open, and dumps are allowed", "[confine]") {
  lone_child apart{[] {
    const auto denied = confine({.keep_groups = true, .dumps = true, .access = {}});
    HOLDS(denied && *denied == denied_access{});
    HOLDS(error_of_opening("/etc/passwd") == 0);
    HOLDS(::prctl(PR_GET_DUMPABLE) == 1);
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("where there is another thread nothing is given up, and it is said", "[confine]") {
  lone_child apart{[] {
    const own_status status;
    const std::string before = status["CapPrm"];
    bool refused = false;
    {
      int ends[2];
      HOLDS(::pipe(ends) == 0);
      std::jthread other{[&] {
        char byte;
        (void)!::read(ends[0], &byte, 1);
      }};
      const auto busy = [](const auto& tried) {
        return !tried && tried.error().code == std::errc::device_or_resource_busy &&
               tried.error().step == confine_step::threads;
      };
      refused = busy(confine({})) && busy(restrict_access({})) && busy(drop_groups()) && busy(drop_capabilities());
      ::close(ends[1]);
    }
    HOLDS(refused);
    HOLDS(status["NoNewPrivs"] == "0");
    HOLDS(status["CapPrm"] == before);
    HOLDS(error_of_opening("/etc/passwd") == 0);
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("a mistake of the caller's is found before anything is given up", "[confine]") {
  lone_child apart{[] {
    const own_status status;
    const std::string before = status["CapPrm"];
    const auto nobody = confine({.as = run_as{.user = 1}});
    HOLDS(!nobody && nobody.error().code == std::errc::invalid_argument && nobody.error().step == confine_step::user);
    if (landlock_version() != 0) {
      const owned_fd root = open_to("/", O_PATH);
      const auto closed = confine({.access = allowed_access{.files = {{root, may_read}, {borrowed_fd{-1}, may_read}}}});
      HOLDS(!closed && closed.error().code == std::errc::bad_file_descriptor);
      HOLDS(closed.error().step == confine_step::rule && closed.error().position == 1);
      auto [left, right] = seqpacket::pair().value();
      const auto placeless = restrict_access({.files = {{left.fd(), may_read}}});
      HOLDS(!placeless && placeless.error().code.value() == EBADFD && placeless.error().step == confine_step::rule);
    }
    HOLDS(status["NoNewPrivs"] == "0");
    HOLDS(status["CapPrm"] == before);
    HOLDS(error_of_opening("/etc/passwd") == 0);
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("each step has words of its own", "[confine]") {
  std::set<std::string_view> all;
  for (int i = 0; i <= static_cast<int>(confine_step::access); ++i) all.insert(text_of(static_cast<confine_step>(i)));
  CHECK(all.size() == static_cast<std::size_t>(confine_step::access) + 1);
  CHECK(text_of(confine_step::threads) == "making sure that there is one thread");
  CHECK_FALSE(all.contains(text_of(static_cast<confine_step>(200))));
  const confine_error error{make_error_code(errc::unsupported), confine_step::ruleset};
  CHECK(std::error_code{error} == errc::unsupported);
}
