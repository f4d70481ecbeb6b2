// What a broker keeps, and for whom: ownership, sharing, quotas, and the words of its commands.
#include "service/broker_commands.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/same_file.hpp"

#include <scm/channel/stream.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

using namespace scm;
using scm::detail::descriptor_store;

namespace {

owned_fd epoll() { return owned_fd{::epoll_create1(EPOLL_CLOEXEC)}; }
owned_fd file() { return owned_fd{::open("/dev/null", O_RDWR | O_CLOEXEC)}; }

constexpr credentials root{1, 0, 0};
constexpr credentials ann{2, 1000, 1000};
constexpr credentials bob{3, 1001, 100};

// A store, and what its users say to it.
struct broker {
  explicit broker(const store_limits& limits = {}) : store{limits} {}

  control_answer say(const credentials& who, std::initializer_list<std::string_view> words, std::size_t count = 0,
                     borrowed_fd pidfd = borrowed_fd{-1}) {
    descriptor_list list;
    for (std::size_t i = 0; i != count; ++i) (void)list.adopt(file());
    return say(who, words, std::move(list), pidfd);
  }
  control_answer say(const credentials& who, std::initializer_list<std::string_view> words, descriptor_list list,
                     borrowed_fd pidfd = borrowed_fd{-1}) {
    const std::vector<std::string_view> said{words};
    control_request asked{said, who, pidfd, list};
    if (said[0] == "store") return detail::store_command(store, ends.get(), asked);
    if (said[0] == "fetch") return detail::fetch_command(store, asked);
    if (said[0] == "drop") return detail::drop_command(store, asked);
    return detail::list_command(store, asked);
  }
  std::string text(const credentials& who, std::initializer_list<std::string_view> words, std::size_t count = 0) {
    return say(who, words, count).text;
  }
  int error(const credentials& who, std::initializer_list<std::string_view> words, std::size_t count = 0) {
    const auto answer = text(who, words, count);
    return answer.starts_with(R"({"err":)") ? std::stoi(answer.substr(7)) : 0;
  }

  owned_fd ends = epoll();
  descriptor_store store;
};

// Of a pidfd, or of one of those in an epoll descriptor.
bool ended(borrowed_fd process) {
  pollfd one{process.native_handle(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

}  // namespace

TEST_CASE("what is stored is fetched as the same open files, again and again, and nothing is duplicated", "[service]") {
  broker with;
  descriptor_list given;
  REQUIRE(given.adopt(file()));
  REQUIRE(given.adopt(file()));
  const owned_fd first = duplicate(given[0]).value();
  const int number = given[1].native_handle();
  CHECK(with.say(ann, {"store", "web"}, std::move(given)).text == R"({"stored":"web","descriptors":2})");
  for (int i = 0; i != 2; ++i) {
    const auto answer = with.say(ann, {"fetch", "web"});
    CHECK(answer.text == R"({"fetched":"web","uid":1000,"gid":1000,"descriptors":2})");
    REQUIRE(answer.descriptors);
    CHECK(test::same_open_file((*answer.descriptors)[0], first));
    CHECK((*answer.descriptors)[1].native_handle() == number);
  }
}

TEST_CASE("a name is its user's own: another's entry of the same name is another entry", "[service]") {
  broker with;
  CHECK(with.error(ann, {"store", "web"}, 1) == 0);
  CHECK(with.error(bob, {"store", "web"}, 2) == 0);
  CHECK(with.say(ann, {"fetch", "web"}).descriptors->size() == 1);
  CHECK(with.say(bob, {"fetch", "web"}).descriptors->size() == 2);
  CHECK(with.say(root, {"fetch", "web", "of", "uid=1001"}).descriptors->size() == 2);
  CHECK(with.error(root, {"fetch", "web"}) == ENOENT);
}

TEST_CASE("an entry is fetched by its owner and root, and by whom it was shared with, and by nobody else",
          "[service]") {
  broker with;
  const credentials group{4, 5, 100};
  CHECK(with.error(ann, {"store", "own"}, 1) == 0);
  CHECK(with.error(ann, {"store", "ours", "to", "uid=1001", "gid=7"}, 1) == 0);
  CHECK(with.error(ann, {"store", "theirs", "to", "gid=100"}, 1) == 0);
  CHECK(with.error(ann, {"store", "everybodys", "to", "all"}, 1) == 0);
  for (const auto& [name, bobs, groups] : {std::tuple{"own", EACCES, EACCES},
                                           {"ours", 0, EACCES},
                                           {"theirs", 0, 0},
                                           {"everybodys", 0, 0},
                                           {"nobodys", EACCES, EACCES}}) {
    CAPTURE(name);
    CHECK(with.error(bob, {"fetch", name, "of", "uid=1000"}) == bobs);
    CHECK(with.error(group, {"fetch", name, "of", "uid=1000"}) == groups);
    CHECK(with.error(root, {"fetch", name, "of", "uid=1000"}) == (name == std::string{"nobodys"} ? ENOENT : 0));
  }
}

TEST_CASE("an entry is dropped by its owner and by root alone, whoever may fetch it", "[service]") {
  broker with;
  CHECK(with.error(ann, {"store", "web", "to", "all"}, 1) == 0);
  CHECK(with.error(bob, {"drop", "web", "of", "uid=1000"}) == EACCES);
  CHECK(with.error(bob, {"drop", "web"}) == ENOENT);
  CHECK(with.error(ann, {"fetch", "web"}) == 0);
  CHECK(with.text(ann, {"drop", "web"}) == R"({"dropped":"web"})");
  CHECK(with.error(ann, {"fetch", "web"}) == ENOENT);
  CHECK(with.error(ann, {"store", "web"}, 1) == 0);
  CHECK(with.error(root, {"drop", "web", "of", "uid=1000"}) == 0);
  CHECK(with.store.entries().empty());
}

TEST_CASE("storing under a name again replaces what was there, and what was handed out lives until it is let go",
          "[service]") {
  broker with;
  CHECK(with.error(ann, {"store", "web"}, 3) == 0);
  const auto old = with.say(ann, {"fetch", "web"}).descriptors;
  CHECK(with.error(ann, {"store", "web"}, 1) == 0);
  CHECK(with.store.descriptors() == 1);
  CHECK(::fcntl((*old)[2].native_handle(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE(
    "no user stores more than its quota, nor all together more than the store holds, and what is dropped counts "
    "no more",
    "[service]") {
  broker with{{.descriptors = 6, .descriptors_per_user = 4, .entries = 4, .entries_per_user = 3}};
  CHECK(with.error(ann, {"store", "a"}, 3) == 0);
  CHECK(with.error(ann, {"store", "b"}, 2) == EDQUOT);
  CHECK(with.error(ann, {"store", "b"}, 1) == 0);
  CHECK(with.error(ann, {"store", "a"}, 4) == EDQUOT);  // the other counts still
  CHECK(with.error(ann, {"store", "a"}, 3) == 0);       // the old one does not
  CHECK(with.error(bob, {"store", "a"}, 3) == ENOSPC);
  CHECK(with.error(bob, {"store", "a"}, 2) == 0);
  CHECK(with.error(root, {"store", "a"}, 1) == ENOSPC);  // root has no more room than others
  CHECK(with.error(ann, {"drop", "a"}) == 0);
  for (const char* name : {"c", "d"}) CHECK(with.error(ann, {"store", name}, 1) == 0);
  CHECK(with.error(ann, {"store", "e"}, 1) == EDQUOT);  // entries
  CHECK(with.error(root, {"store", "a"}, 1) == ENOSPC);
  CHECK(with.store.descriptors() == 5);
}

TEST_CASE("an entry of a process that has ended is gone, and others are not", "[service][no-valgrind]") {
  broker with;
  test::child process{[] {
    ::pause();
    return true;
  }};
  const owned_fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, process.pid(), 0))};
  CHECK(with.error(ann, {"store", "stays"}, 1) == 0);
  const auto answer = with.say(ann, {"store", "web", "expiring", "to", "all"}, 1, pidfd);
  CHECK(answer.text == R"({"stored":"web","descriptors":1})");
  CHECK(with.store.descriptors() == 3);  // its pidfd is one
  CHECK_FALSE(ended(with.ends));
  process.kill();
  CHECK(ended(with.ends));
  with.store.expire(ended);
  CHECK(with.error(ann, {"fetch", "web"}) == ENOENT);
  CHECK(with.error(ann, {"fetch", "stays"}) == 0);
  CHECK_FALSE(ended(with.ends));  // although the test holds the process, too
  with.store.expire(ended);
  CHECK(with.store.descriptors() == 1);
}

TEST_CASE("an entry that was replaced does not expire with the process that stored it first",
          "[service][no-valgrind]") {
  broker with;
  test::child process{[] {
    ::pause();
    return true;
  }};
  const owned_fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, process.pid(), 0))};
  (void)with.say(ann, {"store", "web", "expiring"}, 1, pidfd);
  CHECK(with.error(ann, {"store", "web"}, 1) == 0);
  process.kill();
  CHECK_FALSE(ended(with.ends));
  CHECK(with.error(ann, {"fetch", "web"}) == 0);
}

TEST_CASE("without a pidfd of its caller an expiring entry is refused, not kept for ever", "[service]") {
  broker with;
  CHECK(with.error(ann, {"store", "web", "expiring"}, 1) == EOPNOTSUPP);
  CHECK(with.store.entries().empty());
}

TEST_CASE("a list shows what its reader may fetch, and goes on where an answer had no room", "[service]") {
  broker with{{.descriptors = 2000, .descriptors_per_user = 2000, .entries = 2000, .entries_per_user = 2000}};
  CHECK(with.text(ann, {"list"}) == R"({"entries":[],"more":false})");
  CHECK(with.error(ann, {"store", R"(a"\)", "to", "uid=7", "gid=8", "all"}, 2) == 0);
  const std::string shown =
      R"({"name":"a\"\\","uid":1000,"gid":1000,"descriptors":2,"expiring":false,"to":["uid=7","gid=8","all"]})";
  CHECK(with.text(bob, {"list"}) == R"({"entries":[)" + shown + R"(],"more":false})");
  CHECK(with.error(ann, {"store", "b"}, 1) == 0);
  CHECK(with.text(bob, {"list"}) == R"({"entries":[)" + shown + R"(],"more":false})");

  const std::string longest(200, 'x');
  for (int i = 0; i != 300; ++i) CHECK(with.error(root, {"store", longest + std::to_string(1000 + i)}, 1) == 0);
  std::vector<std::string> names;
  auto text = with.text(root, {"list"});
  while (true) {
    CHECK(text.size() < detail::list_bytes + 4096);
    for (auto at = text.find(R"("name":")"); at != text.npos; at = text.find(R"("name":")", at + 1)) {
      names.push_back(text.substr(at + 8, text.find('"', at + 8) - at - 8));
    }
    if (!text.contains(R"("more":true)")) break;
    text = with.text(root, {"list", "after", names.back(), "of", "uid=0"});
  }
  CHECK(names.size() == 302);  // root's are first, uid 0
  CHECK(names[0] == longest + "1000");
  CHECK(names[299] == longest + "1299");
  CHECK(names[301] == "b");
}

TEST_CASE("words that are not understood change nothing and say how it is said", "[service]") {
  broker with;
  CHECK(with.error(ann, {"store", "web"}, 1) == 0);
  using said = std::vector<std::initializer_list<std::string_view>>;
  const std::string name(256, 'x');
  for (const auto& words : said{{"store"},
                                {"store", ""},
                                {"store", "a:b"},
                                {"store", "a\x7f"},
                                {"store", name},
                                {"store", "a", "b"},
                                {"store", "a", "to"},
                                {"store", "a", "to", "uid=4294967295"},
                                {"store", "a", "to", "uid=-1"},
                                {"store", "a", "to", "uid=1x"},
                                {"store", "a", "to", "uid="},
                                {"store", "a", "to", "gid=1", "expiring"},
                                {"fetch"},
                                {"fetch", "web", "of"},
                                {"fetch", "web", "of", "gid=1"},
                                {"fetch", "web", "of", "uid=0", "x"},
                                {"drop"},
                                {"drop", "web", "x", "uid=0"},
                                {"list", "web"},
                                {"list", "after"}}) {
    CHECK(with.error(ann, words, 1) == EINVAL);
    CHECK(with.text(ann, words, 1).contains("usage: "));
  }
  CHECK(with.error(ann, {"store", "none"}) == EBADMSG);
  CHECK(with.error(ann, {"fetch", "web"}, 1) == EBADMSG);
  CHECK(with.error(ann, {"drop", "web"}, 1) == EBADMSG);
  CHECK(with.error(ann, {"list"}, 1) == EBADMSG);
  CHECK(with.store.entries().size() == 1);
}
