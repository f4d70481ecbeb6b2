// What a policy says of messages: as tables, and what it says of what nobody can know.
#include "support/catch.hpp"
#include "support/kinds.hpp"

#include <scm/service/policy_text.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace scm;
using namespace scm::test;

namespace {

policy of(std::string_view rules) {
  const auto got = parse_policy("policy 1\ndefault deny=EPERM\n" + std::string{rules});
  INFO(rules);
  if (!got) FAIL(got.error().what << " at " << got.error().line << ':' << got.error().column);
  return *got;
}

// "allow", "deny 5", …: the action, and which line decided unless it was the default.
std::string said(const policy& by, const policy_message& message) {
  const auto decision = decide(by, message);
  std::string text = text_of(policy_outcome{decision.outcome.what, decision.outcome.error}).value();
  if (decision.line != by.otherwise_line) text += ' ' + std::to_string(decision.line);
  return text;
}
std::string said(std::string_view rules, const policy_message& message) { return said(of(rules), message); }

address at(std::string_view text) { return address::parse(text).value(); }

// A message over a connected Unix stream, of which everything is known.
policy_message plain() {
  return {.received = false,
          .program = "/usr/sbin/nginx",
          .family = AF_UNIX,
          .type = SOCK_STREAM,
          .peer = at("/run/peer"),
          .local = address{},
          .peer_uid = 33,
          .peer_gid = 34,
          .bytes = 100};
}

struct some_files {
  owned_fd memfd{::memfd_create("scm-test", MFD_CLOEXEC)};
  owned_fd other{::memfd_create("scm-test", MFD_CLOEXEC)};
  owned_fd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  owned_fd folder{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
};

}  // namespace

TEST_CASE("the first rule that matches decides, and the default where none does") {
  auto message = plain();
  CHECK(said("", message) == "deny=EPERM");
  CHECK(said("kill receive\nstrip send\n", message) == "strip 4");
  CHECK(said("deny any bytes>=101\nallow any bytes<=100\nkill any\n", message) == "allow 4");
  message.received = true;
  CHECK(said("kill send\nallow receive cloexec\n", message) == "allow 4");
  CHECK(decide(of("allow receive cloexec"), message).outcome.close_on_exec);
}

TEST_CASE("descriptors: to allow takes all of them, and to keep out takes one") {
  const some_files files;
  const std::vector<borrowed_fd> none, memfd{files.memfd.get()}, two{files.memfd.get(), files.other.get()},
      mixed{files.memfd.get(), files.null.get()}, other{files.null.get()},
      folder{files.memfd.get(), files.folder.get()};
  struct row {
    std::string_view condition;
    // Whether a rule with this condition decides: of allow, and of deny, for each of the messages.
    std::string_view allow, deny;
  };
  const std::vector<borrowed_fd> messages[] = {none, memfd, two, mixed, other, folder};
  const row table[] = {
      {"", "yyyyyy", "yyyyyy"},
      {"fds=none", "y.....", "y....."},
      {"fds=memfd", ".yy...", ".yyy.y"},
      {"fds=character_device", "....y.", "...yy."},
      {"fds=memfd/character_device", ".yyyy.", ".yyyyy"},
      {"fds=any", ".yyyyy", ".yyyyy"},
      {"fds=access=r/rw", ".yyyy.", ".yyyyy"},  // without a kind: a directory is none of what is allowed
      {"fds=directory", "......", ".....y"},
      {"count>=1", ".yyyyy", ".yyyyy"},
      {"count<=1", "yy..y.", "yy..y."},
      {"fds=memfd count<=1", ".y....", ".y...."},
      {"fds=memfd count>=2", "..y...", "..yy.y"},
  };
  for (const auto& [condition, allow, deny] : table) {
    for (std::size_t i = 0; i != std::size(messages); ++i) {
      auto message = plain();
      message.descriptors = messages[i];
      INFO(condition << ", message " << i);
      CHECK(said("allow any " + std::string{condition}, message) == (allow[i] == 'y' ? "allow 3" : "deny=EPERM"));
      for (const std::string action : {"deny=EBADF", "strip", "kill"}) {
        const auto words = action + " any " + std::string{condition};
        CHECK(said(words, message) == (deny[i] == 'y' ? action + " 3" : "deny=EPERM"));
      }
    }
  }
}

TEST_CASE("descriptors told apart by position are as many, and each is its own") {
  const some_files files;
  const auto answer = [&](std::vector<borrowed_fd> fds) {
    auto message = plain();
    message.descriptors = fds;
    return said("allow any fds=memfd;character_device", message) == "allow 3";
  };
  CHECK(answer({files.memfd.get(), files.null.get()}));
  CHECK_FALSE(answer({files.null.get(), files.memfd.get()}));
  CHECK_FALSE(answer({files.memfd.get()}));
  CHECK_FALSE(answer({files.memfd.get(), files.null.get(), files.null.get()}));
  CHECK_FALSE(answer({}));
}

TEST_CASE("conditions on who, where and how much hold all together") {
  struct row {
    std::string_view condition;
    bool holds;
  };
  const row table[] = {
      {"program=nginx", true},
      {"program=ngin", false},
      {"program=ngin*", true},
      {"program=/usr/sbin/nginx", true},
      {"program=/sbin/nginx", false},
      {"program=/usr/*", true},
      {"program=/usr/sbin/nginx*", true},
      {"program=/usr/sbin/nginx/*", false},
      {"peer=/run/peer", true},
      {"peer=/run/pee", false},
      {"peer=/run/*", true},
      {"peer=@*", false},
      {"peer=unnamed", false},
      {"local=unnamed", true},
      {"local=/*", false},
      {"peer-uid=33", true},
      {"peer-uid=0", false},
      {"peer-gid=34", true},
      {"peer-gid=33", false},
      {"family=inet/unix", true},
      {"family=netlink", false},
      {"type=stream/dgram", true},
      {"type=seqpacket", false},
      {"bytes=100", true},
      {"bytes<=99", false},
      {"bytes>=101", false},
      {"bytes>=1 bytes<=1K", true},
      {"oob=no", true},
      {"oob=yes", false},
      {"program=nginx peer-uid=33 oob=no", true},
      {"program=nginx peer-uid=0 oob=no", false},
  };
  for (const auto& [condition, holds] : table) {
    INFO(condition);
    CHECK((said("allow any " + std::string{condition}, plain()) == "allow 3") == holds);
    CHECK((said("kill any " + std::string{condition}, plain()) == "kill 3") == holds);
  }
}

TEST_CASE("what cannot be known allows nothing and is kept out") {
  struct row {
    std::string_view condition;
    policy_message message;
  };
  const auto without = [](const std::function<void(policy_message&)>& change) {
    policy_message message = plain();
    change(message);
    return message;
  };
  const borrowed_fd closed{-1};
  const row table[] = {
      {"program=nginx", without([](policy_message& m) { m.program = ""; })},
      {"program=/usr/sbin/nginx", without([](policy_message& m) { m.program = "nginx"; })},
      {"peer=/run/peer", without([](policy_message& m) { m.peer.reset(); })},
      {"peer=unnamed", without([](policy_message& m) { m.peer.reset(); })},
      {"peer=/run/peer", without([](policy_message& m) { m.peer = at("peer"); })},
      {"peer=/run/peer", without([](policy_message& m) { m.peer = at("/run/x/../peer"); })},
      {"peer=/run/*", without([](policy_message& m) { m.peer = at("/run/../etc/peer"); })},
      {"local=@x", without([](policy_message& m) { m.local.reset(); })},
      {"peer-uid=33", without([](policy_message& m) { m.peer_uid.reset(); })},
      {"peer-gid=34", without([](policy_message& m) { m.peer_gid.reset(); })},
      {"family=unix", without([](policy_message& m) { m.family = 0; })},
      {"peer=/run/peer", without([](policy_message& m) { m.family = 0; })},
      {"type=stream", without([](policy_message& m) { m.type = 0; })},
      {"bytes<=100", without([](policy_message& m) { m.more_bytes = true; })},
      {"bytes>=200", without([](policy_message& m) { m.more_bytes = true; })},
      {"fds=memfd", without([&](policy_message& m) { m.descriptors = std::span{&closed, 1}; })},
  };
  for (const auto& [condition, message] : table) {
    INFO(condition);
    CHECK(said("allow any " + std::string{condition}, message) == "deny=EPERM");
    for (const std::string action : {"deny", "strip", "kill"}) {
      CHECK(said(action + " any " + std::string{condition}, message) == action + " 3");
    }
    // Something else that is known not to hold is enough.
    CHECK(said("kill receive " + std::string{condition}, message) == "deny=EPERM");
    CHECK(said("kill any oob=yes " + std::string{condition}, message) == "deny=EPERM");
  }
}

TEST_CASE("what is known for certain is not in doubt") {
  auto longer = plain();
  longer.more_bytes = true;
  CHECK(said("allow any bytes>=100", longer) == "allow 3");
  CHECK(said("kill any bytes<=99", longer) == "deny=EPERM");
  auto relative = plain();
  relative.peer = at("peer");
  CHECK(said("kill any peer=@peer", relative) == "deny=EPERM");
  CHECK(said("kill any peer=unnamed", relative) == "deny=EPERM");
  auto internet = plain();
  internet.family = AF_INET;
  internet.peer.reset();
  CHECK(said("kill any peer=/run/peer", internet) == "deny=EPERM");
}

TEST_CASE("every kind of descriptor can be kept out by its name, and is kept out by none other") {
  const policy pipes = of("kill any fds=pipe");
  for (const auto& [name, fd] : one_of_each_kind()) {
    auto message = plain();
    const borrowed_fd lent = fd.get();
    message.descriptors = std::span{&lent, 1};
    INFO(name);
    CHECK((said(pipes, message) == "kill 3") == name.starts_with("pipe"));
    CHECK(said("kill any fds=any", message) == "kill 3");
    CHECK(said("allow any fds=any", message) == "allow 3");
  }
}
