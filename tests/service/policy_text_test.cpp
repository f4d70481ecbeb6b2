// Policies in text: what is read, what is written back, and where a mistake is.
#include "support/catch.hpp"

#include <scm/service/policy_text.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>

using namespace scm;

namespace {

constexpr std::string_view head = "policy 1\ndefault deny\n";

policy parsed(std::string_view text) {
  const auto got = parse_policy(text);
  INFO(text);
  if (!got) FAIL(got.error().what << " at " << got.error().line << ':' << got.error().column);
  return *got;
}

policy_rule rule(std::string_view line) {
  const auto all = parsed(std::string{head} + std::string{line} + '\n');
  REQUIRE(all.rules.size() == 1);
  CHECK(all.rules[0].line == 3);
  return all.rules[0];
}

// A line, and the column of what is wrong in it.
struct mistake {
  std::string_view line;
  std::size_t column;
};

}  // namespace

TEST_CASE("a rule in text is that of the value") {
  using act = policy_action;
  CHECK(rule("allow any") == policy_rule{.outcome = {act::allow}});
  CHECK(rule("deny send") == policy_rule{.direction = policy_direction::send});
  CHECK(rule("deny=EPERM receive") ==
        policy_rule{.outcome = {act::deny, EPERM}, .direction = policy_direction::receive});
  CHECK(rule("deny=95 any").outcome.error == EOPNOTSUPP);
  CHECK(rule("deny=ENOTSUP any").outcome.error == EOPNOTSUPP);
  CHECK(rule("strip any").outcome.what == act::strip);
  CHECK(rule("kill any").outcome.what == act::kill);
  const auto placed = rule("allow receive cloexec scattered").outcome;
  CHECK((placed.close_on_exec && placed.scattered));

  CHECK(rule("allow any program=nginx").program == "nginx");
  const auto folder = rule("allow any program=/usr/lib/postfix/*");
  CHECK((folder.program == "/usr/lib/postfix/" && folder.program_begins));
  CHECK(rule("allow any program=/a\\x20b\\x2a").program == "/a b*");

  CHECK(rule("allow any peer=unnamed").peer == address_pattern{});
  CHECK(rule("allow any peer=/run/x").peer == address_pattern{address::form::path, "/run/x"});
  CHECK(rule("allow any peer=/run/*").peer == address_pattern{address::form::path, "/run/", true});
  CHECK(rule("allow any local=@a\\x00*").local ==
        address_pattern{address::form::abstract, std::string{"a\0", 2}, true});
  CHECK(rule("allow any local=@").local == address_pattern{address::form::abstract, ""});
  CHECK(rule("allow any peer-uid=0").peer_uid == uid_t{0});
  CHECK(rule("allow any peer-gid=33").peer_gid == gid_t{33});

  CHECK(rule("allow any family=unix/inet/40").families == std::vector<int>{AF_UNIX, AF_INET, 40});
  CHECK(rule("allow any type=seqpacket").types == std::vector<int>{SOCK_SEQPACKET});
  CHECK(rule("allow any fds=none").no_descriptors);
  CHECK(rule("allow any fds=memfd,seals=shrink").descriptors ==
        std::vector<expectation>{{.kinds = descriptor_kind::memfd, .seals = seal_set{} | seal::shrink}});
  CHECK(rule("allow any fds=pipe;socket").descriptors ==
        std::vector<expectation>{{.kinds = descriptor_kind::pipe}, {.kinds = descriptor_kind::socket}});
  CHECK(rule("allow any fds=below=/a\\x20b\\x3b").descriptors[0].below == "/a b;");
  CHECK(rule("allow any count<=4").count == size_range{0, 4});
  CHECK(rule("allow any count>=2 count<=4").count == size_range{2, 4});
  CHECK(rule("allow any count=2").count == size_range{2, 2});
  CHECK(rule("allow any bytes<=64K").bytes == size_range{0, 65536});
  CHECK(rule("deny any oob=yes").out_of_band == true);
  CHECK(rule("allow any oob=no").out_of_band == false);
}

TEST_CASE("a rule that keeps something out names no kind by leaving it out") {
  // To allow, RULES without a kind are for harmless kinds alone; to deny they must be for all.
  CHECK(rule("allow any fds=access=rw").descriptors[0].kinds.empty());
  for (const std::string action : {"deny", "strip", "kill"}) {
    CHECK(rule(action + " any fds=access=rw").descriptors[0].kinds == any_kind);
    CHECK(rule(action + " any fds=pipe,access=rw").descriptors[0].kinds == kind_set{descriptor_kind::pipe});
  }
}

TEST_CASE("blanks, empty lines and comments are not looked at") {
  const auto plain = parsed("policy 1\ndefault allow cloexec\ndeny send fds=pipe\n");
  const auto airy = parsed(
      "# who, and why: für später\n\n  policy \t1 # x\n\ndefault   allow cloexec\t# y\n\n"
      "\tdeny send\tfds=pipe # no pipes\n#deny any\n  ");
  CHECK(airy == plain);
  CHECK(airy.otherwise_line == 5);
  CHECK(airy.rules[0].line == 7);
  CHECK(airy.otherwise == policy_outcome{policy_action::allow, EACCES, true});
  // A # within a word is the word's.
  CHECK(parsed("policy 1\ndefault deny\nallow any peer=@a#b").rules[0].peer->name == "a#b");
}

TEST_CASE("a policy says its version and its default, in this order, or it is none") {
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {"", "1:1"},
      {"\n\n# nothing\n", "4:1"},
      {"default deny\n", "1:1"},
      {"policy\ndefault deny\n", "1:7"},
      {"policy 2\ndefault deny\n", "1:8"},
      {"policy 1 2\ndefault deny\n", "1:10"},
      {"policy 1", "1:9"},
      {"policy 1\n", "2:1"},
      {"policy 1\nallow any\n", "2:1"},
      {"policy 1\ndefault\n", "2:8"},
      {"policy 1\ndefault maybe\n", "2:9"},
      {"policy 1\ndefault deny fds=pipe\n", "2:14"},
      {"policy 1\ndefault deny cloexec\n", "2:14"},
      {"policy 1\ndefault deny\ndefault allow\n", "3:1"},
  };
  for (const auto& [text, place] : wrong) {
    const auto got = parse_policy(text);
    INFO(text);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().code == errc::malformed);
    CHECK(std::to_string(got.error().line) + ':' + std::to_string(got.error().column) == place);
    CHECK_FALSE(std::string_view{got.error().what}.empty());
  }
}

TEST_CASE("a mistake in a rule of a policy is pointed at") {
  const mistake mistakes[] = {
      {"permit any", 1},
      {"allow", 6},
      {"allow sideways", 7},
      {"allow=EPERM any", 6},
      {"deny=EFOO any", 6},
      {"deny=0 any", 6},
      {"deny=512 any", 6},
      {"deny= any", 6},
      {"allow any what", 11},
      {"allow any program", 11},
      {"allow any program<=x", 18},
      {"allow any program=", 19},
      {"allow any program=*", 19},
      {"allow any program=bin/x", 19},
      {"allow any program=/bin/../x", 19},
      {"allow any program=/a\\x00", 21},
      {"allow any program=a program=b", 21},
      {"allow any peer=run", 16},
      {"allow any peer=*", 16},
      {"allow any peer=/run//x", 16},
      {"allow any peer=/a\\y", 18},
      {"allow any peer-uid=root", 20},
      {"allow any peer-uid=4294967295", 20},
      {"allow any family=unix/decnet", 23},
      {"allow any family=unix/unix", 23},
      {"allow any type=0", 16},
      {"allow any fds=", 15},
      {"allow any fds=memfd,seals=shrink+wrote", 34},
      {"allow any fds=memfd;", 21},
      {"allow any fds=memfd;pip", 21},
      {"deny any fds=memfd;pipe", 20},
      {"deny any fds=below=/etc", 14},
      {"allow any count<3", 16},
      {"allow any count<=x", 18},
      {"allow any count=1 count<=2", 19},
      {"allow any count<=2 count=1", 20},
      {"allow any count>=3 count<=2", 20},
      {"allow any bytes<=3Q", 18},
      {"allow any fds=none count=0", 20},
      {"allow any count=2 fds=pipe;pipe", 19},
      {"allow any fds=pipe count=0", 20},
      {"allow any oob=maybe", 15},
      {"allow any oob", 11},
      {"deny any cloexec", 10},
      {"allow send scattered", 12},
      {"allow any cloexec cloexec", 19},
      {"allow any f\xc3\xbcr", 12},
      {"allow any \x1b[m", 11},
      {"allow any\r", 10},
  };
  for (const auto& [line, column] : mistakes) {
    const auto got = parse_policy(std::string{head} + std::string{line} + "\nallow any\n");
    INFO(line);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().line == 3);
    CHECK(got.error().column == column);
    CHECK(got.error().offset == head.size() + column - 1);
  }
}

TEST_CASE("a line that no message reaches is a mistake") {
  const auto line_of = [](std::string_view rules) {
    const auto got = parse_policy(std::string{head} + std::string{rules});
    return got ? 0 : got.error().line;
  };
  CHECK(line_of("deny any\nallow send\n") == 4);
  CHECK(line_of("allow receive cloexec\nkill receive fds=pipe\n") == 4);
  CHECK(line_of("allow send\nallow receive\nkill any fds=pipe\n") == 5);
  CHECK(line_of("allow send\nallow any fds=pipe\n") == 0);
  CHECK(line_of("allow send fds=none\nallow send\n") == 0);
}

TEST_CASE("a policy is bounded") {
  const std::string comment = "#" + std::string(policy_text_bytes - head.size() - 1, 'x');
  CHECK(parse_policy(std::string{head} + comment));
  const auto longer = parse_policy(std::string{head} + comment + '\n');
  REQUIRE_FALSE(longer.has_value());
  CHECK(longer.error().offset == policy_text_bytes);

  std::string rules{head};
  for (std::size_t i = 0; i != policy_rules; ++i) rules += "allow any fds=pipe\n";
  CHECK(parse_policy(rules));
  const auto more = parse_policy(rules + "allow any fds=pipe\n");
  REQUIRE_FALSE(more.has_value());
  CHECK(more.error().line == policy_rules + 3);

  std::string many = "allow any fds=pipe";
  for (std::size_t i = 1; i != policy_positions; ++i) many += ";pipe";
  CHECK(parse_policy(std::string{head} + many));
  CHECK_FALSE(parse_policy(std::string{head} + many + ";pipe"));
}

TEST_CASE("the text of a policy reads as the same policy") {
  const std::string text =
      "policy 1\n"
      "default deny=EPERM\n"
      "kill any fds=seccomp_listener/userfaultfd\n"
      "deny=EOPNOTSUPP any oob=yes\n"
      "allow receive program=/usr/sbin/nginx* peer=unnamed peer-uid=0 peer-gid=33 family=unix/41 type=stream "
      "fds=socket,type=stream,listening=yes count<=4 bytes<=65536 cloexec scattered\n"
      "strip send program=a\\x2a peer=/run/x* local=@a\\x20\\x00 fds=any,access=w count>=2 count<=3\n"
      "allow any fds=pipe;below=/a\\x20b\\x3b bytes=3\n"
      "deny any fds=none\n";
  const auto once = text_of(parsed(text));
  REQUIRE(once);
  CHECK(*once == text);
  CHECK(parsed(*once) == parsed(text));
}

TEST_CASE("what a policy cannot say has no text") {
  const auto none = [](const policy_rule& rule) {
    const auto text = text_of(policy{.rules = {rule}});
    return !text && text.error() == errc::malformed;
  };
  CHECK(none({.program = "a/b"}));
  CHECK(none({.peer = address_pattern{address::form::path, "x"}}));
  CHECK(none({.families = {0}}));
  CHECK(none({.descriptors = {expectation{}}}));
  CHECK(none({.outcome = {policy_action::deny, 512}}));
  CHECK(none({.outcome = {policy_action::deny, EACCES, true}}));
  CHECK(none({.no_descriptors = true, .descriptors = {expectation{.kinds = descriptor_kind::pipe}}}));
}
