#include "service/policy_words.hpp"

#include <scm/inspect/admission.hpp>
#include <scm/service/policy.hpp>

#include <algorithm>

namespace scm::inline v0_1 {
namespace {

/// What can be said of a condition. The order is that of "and": the least of all conditions is the rule's.
enum class truth : unsigned char { no, unknown, yes };

constexpr truth truth_of(bool value) noexcept { return value ? truth::yes : truth::no; }

bool takes(policy_direction wanted, bool received) noexcept {
  return wanted == policy_direction::any || (wanted == policy_direction::receive) == received;
}

bool fits(std::string_view text, std::string_view wanted, bool begins) noexcept {
  return begins ? text.starts_with(wanted) : text == wanted;
}

truth runs(const policy_rule& rule, std::string_view program) noexcept {
  if (rule.program.empty()) return truth::yes;
  if (!detail::is_settled(program)) return truth::unknown;
  const bool whole = rule.program.find('/') != std::string::npos;
  const auto compared = whole ? program : program.substr(program.rfind('/') + 1);
  return truth_of(fits(compared, rule.program, rule.program_begins));
}

truth lies_at(const std::optional<address_pattern>& wanted, const std::optional<address>& at, int family) noexcept {
  if (!wanted) return truth::yes;
  if (family == AF_UNSPEC) return truth::unknown;
  if (family != AF_UNIX) return truth::no;
  if (!at) return truth::unknown;
  if (at->kind() != wanted->form) return truth::no;
  if (wanted->form == address::form::path && !detail::is_settled(at->name())) return truth::unknown;
  return truth_of(fits(at->name(), wanted->name, wanted->begins));
}

template <class Id>
truth is(const std::optional<Id>& wanted, const std::optional<Id>& found) noexcept {
  if (!wanted) return truth::yes;
  return found ? truth_of(*wanted == *found) : truth::unknown;
}

// No socket has family or type 0: nothing was said of it.
truth one_of(const std::vector<int>& wanted, int found) noexcept {
  if (wanted.empty()) return truth::yes;
  return found == 0 ? truth::unknown : truth_of(std::ranges::find(wanted, found) != wanted.end());
}

truth within(const std::optional<size_range>& wanted, std::uint64_t size, bool or_more) noexcept {
  if (!wanted) return truth::yes;
  if (size > wanted->most) return truth::no;
  if (size < wanted->least) return or_more ? truth::unknown : truth::no;
  return or_more && wanted->most != size_range{}.most ? truth::unknown : truth::yes;
}

truth meets(borrowed_fd fd, const expectation& wanted) noexcept {
  const auto admitted = admit(fd, wanted);
  if (admitted) return truth::yes;
  return admitted.error() == errc::not_admitted ? truth::no : truth::unknown;
}

truth carries(const policy_rule& rule, std::span<const borrowed_fd> descriptors) noexcept {
  if (rule.no_descriptors) return truth_of(descriptors.empty());
  const auto& wanted = rule.descriptors;
  if (wanted.empty()) return truth::yes;
  if (descriptors.empty()) return truth::no;
  const bool every = rule.outcome.what == policy_action::allow;
  if (every && wanted.size() > 1 && wanted.size() != descriptors.size()) return truth::no;
  truth all = truth::yes, any = truth::no;
  for (std::size_t i = 0; i != descriptors.size(); ++i) {
    const truth one = meets(descriptors[i], wanted[wanted.size() > 1 && every ? i : 0]);
    all = std::min(all, one);
    any = std::max(any, one);
    if (every ? all == truth::no : any == truth::yes) break;
  }
  return every ? all : any;
}

truth matches(const policy_rule& rule, const policy_message& message) noexcept {
  if (!takes(rule.direction, message.received)) return truth::no;
  const truth known = std::min({runs(rule, message.program), lies_at(rule.peer, message.peer, message.family),
                                lies_at(rule.local, message.local, message.family), is(rule.peer_uid, message.peer_uid),
                                is(rule.peer_gid, message.peer_gid), one_of(rule.families, message.family),
                                one_of(rule.types, message.type), within(rule.count, message.descriptors.size(), false),
                                within(rule.bytes, message.bytes, message.more_bytes),
                                truth_of(!rule.out_of_band || *rule.out_of_band == message.out_of_band)});
  // Asked last: it takes system calls.
  return known == truth::no ? truth::no : std::min(known, carries(rule, message.descriptors));
}

}  // namespace

bool operator==(const policy_rule& a, const policy_rule& b) noexcept {
  return a.outcome == b.outcome && a.direction == b.direction && a.program == b.program &&
         a.program_begins == b.program_begins && a.peer == b.peer && a.local == b.local && a.peer_uid == b.peer_uid &&
         a.peer_gid == b.peer_gid && a.families == b.families && a.types == b.types &&
         a.no_descriptors == b.no_descriptors && a.descriptors == b.descriptors && a.count == b.count &&
         a.bytes == b.bytes && a.out_of_band == b.out_of_band;
}

policy_decision decide(const policy& by, const policy_message& message) noexcept {
  for (const auto& rule : by.rules) {
    const truth match = matches(rule, message);
    const bool decides = rule.outcome.what == policy_action::allow ? match == truth::yes : match != truth::no;
    if (decides) return {rule.outcome, rule.line};
  }
  return {by.otherwise, by.otherwise_line};
}

}  // namespace scm::inline v0_1
