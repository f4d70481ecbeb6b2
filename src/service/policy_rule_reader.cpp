#include "service/policy_rule_reader.hpp"

#include "service/policy_words.hpp"

#include <scm/inspect/expectation_text.hpp>
#include <scm/service/policy_text.hpp>

#include <algorithm>
#include <utility>

namespace scm::inline v0_1::detail {

/// What a word may begin with.
enum class rule_reader::key : unsigned char {
  program,
  peer,
  local,
  peer_uid,
  peer_gid,
  family,
  type,
  fds,
  count,
  count_least,
  count_most,
  bytes,
  bytes_least,
  bytes_most,
  oob,
  cloexec,
  scattered
};

struct rule_reader::words {
  static constexpr auto conditions = std::to_array<word<key>>({{"program=", key::program},
                                                               {"peer=", key::peer},
                                                               {"local=", key::local},
                                                               {"peer-uid=", key::peer_uid},
                                                               {"peer-gid=", key::peer_gid},
                                                               {"family=", key::family},
                                                               {"type=", key::type},
                                                               {"fds=", key::fds},
                                                               {"count=", key::count},
                                                               {"count>=", key::count_least},
                                                               {"count<=", key::count_most},
                                                               {"bytes=", key::bytes},
                                                               {"bytes>=", key::bytes_least},
                                                               {"bytes<=", key::bytes_most},
                                                               {"oob=", key::oob}});
  static constexpr auto placements =
      std::to_array<word<key>>({{"cloexec", key::cloexec}, {"scattered", key::scattered}});
};

namespace {

/// Cuts the * off that says that a name goes on.
bool cut_star(piece& name) noexcept {
  if (!name.text.ends_with('*')) return false;
  name.text.remove_suffix(1);
  return true;
}

// Throws std::bad_alloc, as all that follow.
fault read_program(piece name, policy_rule& into) {
  const piece all = name;
  into.program_begins = cut_star(name);
  if (auto wrong = read_escaped(name, nul::refused, into.program)) return wrong;
  if (into.program.empty()) return all.error("not a program: its name, /PATH, or /PATH*");
  if (into.program.find('/') == std::string::npos) return {};
  if (!is_settled(into.program, into.program_begins)) {
    return all.error("no file has this path: it begins with / and has no //, /./ or /../");
  }
  return {};
}

fault read_address(piece name, std::optional<address_pattern>& into) {
  address_pattern pattern;
  const piece all = name;
  if (name.text != "unnamed") {
    pattern.begins = cut_star(name);
    const bool abstract = name.text.starts_with('@');
    pattern.form = abstract ? address::form::abstract : address::form::path;
    if (!abstract && !name.text.starts_with('/')) return all.error("not an address: /PATH, @NAME or unnamed");
    if (auto wrong =
            read_escaped(abstract ? name.from(1) : name, abstract ? nul::allowed : nul::refused, pattern.name)) {
      return wrong;
    }
    const auto real = abstract ? address::abstract(pattern.name) : address::path(pattern.name);
    if (!real) return all.error("longer than an address of a Unix socket can be");
    if (!abstract && !is_settled(pattern.name, pattern.begins)) {
      return all.error("no address matches this: a path has no //, /./ or /../");
    }
  }
  into = std::move(pattern);
  return {};
}

template <class Words>
fault read_words(piece list, const Words& known, const char* what, std::vector<int>& into) {
  return for_each(list, '/', [&](piece one) -> fault {
    auto value = value_of(known, one.text);
    if (!value) value = number_of<int>(one.text);
    if (!value || *value == 0) return one.error(what);
    if (std::ranges::find(into, *value) != into.end()) return one.error("the same was said before");
    into.push_back(*value);
    return {};
  });
}

fault read_id(piece number, std::optional<std::uint32_t>& into) noexcept {
  std::uint32_t id = 0;
  if (auto wrong = read_number(number, id)) return wrong;
  // chown(2)'s "leave it", and what SO_PEERCRED says where there is no peer.
  if (id == UINT32_MAX) return number.error("nobody has this number");
  into = id;
  return {};
}

fault read_descriptors(piece rules, policy_rule& into) {
  if (rules.text == "none") {
    into.no_descriptors = true;
    return {};
  }
  const bool allows = into.outcome.what == policy_action::allow;
  return for_each(rules, ';', [&](piece one) -> fault {
    if (one.text.empty()) return one.error("rules are missing: of what kind, any or none");
    if (into.descriptors.size() == policy_positions) return one.error("more descriptors than a line may tell apart");
    if (!allows && !into.descriptors.empty()) return one.error("only allow tells descriptors apart by position");
    auto parsed = parse_expectation(one.text);
    if (!parsed) {
      auto wrong = parsed.error();
      wrong.offset += one.offset;
      return wrong;
    }
    if (!allows && !parsed->below.empty()) {
      return one.error("where a file lies is a hint, which can allow but keep nothing out");
    }
    if (!allows && parsed->kinds.empty()) parsed->kinds = any_kind;
    into.descriptors.push_back(std::move(*parsed));
    return {};
  });
}

}  // namespace

fault read_outcome(piece action, policy_outcome& into) noexcept {
  const piece all = action;
  bool bare = false;
  const piece verb = action.next('=', bare);
  const auto what = value_of(action_words, verb.text);
  if (!what) return verb.error("not an action: allow, deny, deny=ERRNO, strip or kill");
  into.what = *what;
  if (bare) return {};
  if (*what != policy_action::deny) return all.error("only deny has an error", verb.text.size());
  auto number = number_of<int>(action.text);
  if (!number) number = error_of_name(action.text);
  if (!number || name_of_error(*number).empty()) return action.error("not an error: a name of errno(3), as EPERM");
  into.error = *number;
  return {};
}

fault rule_reader::read_direction(piece word) {
  const auto direction = value_of(direction_words, word.text);
  if (!direction) return word.error("not a direction: send, receive or any");
  out.direction = *direction;
  return {};
}

fault rule_reader::read_word(piece word) {
  if (const auto placement = value_of(words::placements, word.text)) return place(*placement, word);
  for (const auto& [text, which] : words::conditions) {
    if (!word.text.starts_with(text)) continue;
    if (!is_first(which)) return word.error("the same was said before");
    return read_value(which, word, word.from(text.size()));
  }
  constexpr std::string_view signs = "=<>!";
  const auto sign = word.text.find_first_of(signs);
  const auto known = [&](const auto& one) {
    return one.text.substr(0, one.text.find_first_of(signs)) == word.text.substr(0, sign);
  };
  if (sign != word.text.npos && std::ranges::any_of(words::conditions, known)) {
    return word.error("this does not go with such a comparison", sign);
  }
  return word.error("not a condition");
}

fault rule_reader::read_placement(piece word) {
  const auto placement = value_of(words::placements, word.text);
  if (!placement) return word.error("a default has no conditions");
  return place(*placement, word);
}

fault rule_reader::place(key which, piece word) noexcept {
  if (out.outcome.what != policy_action::allow) return word.error("only allow says how descriptors are placed");
  if (out.direction == policy_direction::send) return word.error("a send places no descriptors");
  if (!is_first(which)) return word.error("the same was said before");
  (which == key::cloexec ? out.outcome.close_on_exec : out.outcome.scattered) = true;
  return {};
}

bool rule_reader::takes_all() const {
  policy_rule bare;
  bare.outcome = out.outcome;
  bare.direction = out.direction;
  return out == bare;
}

// "=" is both bounds at once, and goes with neither.
bool rule_reader::is_first(key which) noexcept {
  const auto bit = [](key one) { return 1U << static_cast<unsigned>(one); };
  unsigned together = bit(which);
  if (which == key::count) together |= bit(key::count_least) | bit(key::count_most);
  if (which == key::bytes) together |= bit(key::bytes_least) | bit(key::bytes_most);
  if (which == key::count_least || which == key::count_most) together |= bit(key::count);
  if (which == key::bytes_least || which == key::bytes_most) together |= bit(key::bytes);
  const bool first = (seen_ & together) == 0;
  seen_ |= bit(which);
  return first;
}

fault rule_reader::read_range(piece word, std::optional<size_range>& range, key which, std::uint64_t bound) noexcept {
  if (!range) range.emplace();
  if (which != key::count_most && which != key::bytes_most) range->least = bound;
  if (which != key::count_least && which != key::bytes_least) range->most = bound;
  if (range->least > range->most) return word.error("no number is as large as the least and as small as the most");
  return {};
}

fault rule_reader::contradiction(piece word) const noexcept {
  if (!out.count) return {};
  if (out.no_descriptors || out.descriptors.size() > 1) return word.error("fds= says how many descriptors there are");
  if (!out.descriptors.empty() && out.count->most == 0) return word.error("fds= is about messages with descriptors");
  return {};
}

fault rule_reader::read_value(key which, piece word, piece value) {
  switch (which) {
    case key::program:
      return read_program(value, out);
    case key::peer:
      return read_address(value, out.peer);
    case key::local:
      return read_address(value, out.local);
    case key::peer_uid:
      return read_id(value, out.peer_uid);
    case key::peer_gid:
      return read_id(value, out.peer_gid);
    case key::family:
      return read_words(value, family_words, "not a family: unix, inet, inet6, netlink or a number", out.families);
    case key::type:
      return read_words(value, type_words, "not a type: stream, dgram, seqpacket, raw or a number", out.types);
    case key::fds:
      if (auto wrong = read_descriptors(value, out)) return wrong;
      return contradiction(word);
    case key::count:
    case key::count_least:
    case key::count_most: {
      std::uint32_t bound = 0;
      if (auto wrong = read_number(value, bound)) return wrong;
      if (auto wrong = read_range(word, out.count, which, bound)) return wrong;
      return contradiction(word);
    }
    case key::bytes:
    case key::bytes_least:
    case key::bytes_most: {
      std::uint64_t bound = 0;
      if (auto wrong = read_size(value, bound)) return wrong;
      return read_range(word, out.bytes, which, bound);
    }
    case key::oob:
      if (value.text != "yes" && value.text != "no") return value.error("not yes or no");
      out.out_of_band = value.text == "yes";
      return {};
    case key::cloexec:
    case key::scattered:
      break;
  }
  return word.error("not a condition");
}

}  // namespace scm::inline v0_1::detail
