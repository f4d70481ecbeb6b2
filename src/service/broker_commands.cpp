#include "service/broker_commands.hpp"

#include <scm/process/named_fd.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace scm::inline v0_1::detail {
namespace {

using words = std::span<const std::string_view>;

constexpr std::string_view store_usage = "store NAME [expiring] [to uid=U|gid=G|all…], with descriptors";
constexpr std::string_view fetch_usage = "fetch NAME [of uid=U]";
constexpr std::string_view drop_usage = "drop NAME [of uid=U]";
constexpr std::string_view list_usage = "list [after NAME [of uid=U]]";

control_answer usage(std::string_view text) { return control_answer::error(EINVAL, fmt::format("usage: {}", text)); }

/// KEY and a number that is an id. The largest means "nobody" to the kernel.
std::optional<std::uint32_t> id_after(std::string_view key, std::string_view word) noexcept {
  if (!word.starts_with(key)) return {};
  word.remove_prefix(key.size());
  std::uint32_t id = 0;
  const auto read = std::from_chars(word.data(), word.data() + word.size(), id);
  if (read.ec != std::errc{} || read.ptr != word.data() + word.size() || id == UINT32_MAX) return {};
  return id;
}

/// NAME [of uid=U]: the caller's own, if it does not say whose.
std::optional<entry_name_view> entry_in(words said, const credentials& caller) noexcept {
  if (said.empty() || !is_fd_name(said[0])) return {};
  if (said.size() == 1) return entry_name_view{caller.uid, said[0]};
  if (said.size() != 3 || said[1] != "of") return {};
  const auto owner = id_after("uid=", said[2]);
  if (!owner) return {};
  return entry_name_view{*owner, said[0]};
}

/// uid=U, gid=G or all, some of them.
std::optional<shared_with> readers_in(words said) {
  shared_with with;
  if (said.empty()) return {};
  for (const auto word : said) {
    if (word == "all") {
      with.everybody = true;
    } else if (const auto user = id_after("uid=", word)) {
      with.users.push_back(*user);
    } else if (const auto group = id_after("gid=", word)) {
      with.groups.push_back(*group);
    } else {
      return {};
    }
    if (with.users.size() > shared_with_most || with.groups.size() > shared_with_most) return {};
  }
  return with;
}

/// A name in JSON: printable ASCII, see is_fd_name.
std::string quoted(std::string_view name) {
  std::string text{'"'};
  for (const char c : name) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text += '"';
}

control_answer refused(store_refusal why, entry_name_view which) {
  const auto entry = fmt::format("{} of uid {}", which.name, which.owner);
  switch (why) {
    case store_refusal::no_entry:
      return control_answer::error(ENOENT, fmt::format("there is no {}", entry));
    case store_refusal::forbidden:
      return control_answer::error(EACCES, fmt::format("{} is not shared with you, or there is none", entry));
    case store_refusal::user_quota:
      return control_answer::error(EDQUOT,
                                   fmt::format("uid {} stores as much as one user may: drop some", which.owner));
    case store_refusal::store_full:
      break;
  }
  return control_answer::error(ENOSPC, "the store is full");
}

control_answer surplus() { return control_answer::error(EBADMSG, "this command takes no descriptors"); }

void write_entry(std::string& to, const entry_name& name, const stored_entry& entry) {
  const auto out = std::back_inserter(to);
  fmt::format_to(out, R"({{"name":{},"uid":{},"gid":{},"descriptors":{},"expiring":{},"to":[)", quoted(name.name),
                 name.owner, entry.group, entry.descriptors->size(), static_cast<bool>(entry.process));
  const char* comma = "";
  const auto add = [&](std::string_view key, auto id) {
    fmt::format_to(out, R"({}"{}{}")", std::exchange(comma, ","), key, id);
  };
  for (const uid_t one : entry.with.users) add("uid=", one);
  for (const gid_t one : entry.with.groups) add("gid=", one);
  if (entry.with.everybody) add("all", "");
  to += "]}";
}

}  // namespace

control_answer store_command(descriptor_store& in, borrowed_fd ends, control_request& asked) {
  words said = asked.words.subspan(1);
  if (said.empty() || !is_fd_name(said[0])) return usage(store_usage);
  const entry_name_view as{asked.caller.uid, said[0]};
  said = said.subspan(1);
  const bool expiring = !said.empty() && said[0] == "expiring";
  if (expiring) said = said.subspan(1);
  shared_with with;
  if (!said.empty()) {
    auto readers = said[0] == "to" ? readers_in(said.subspan(1)) : std::nullopt;
    if (!readers) return usage(store_usage);
    with = std::move(*readers);
  }
  const std::size_t count = asked.descriptors.size();
  if (count == 0) return control_answer::error(EBADMSG, "no descriptors came with it");
  for (const borrowed_fd one : asked.descriptors.view()) {
    if (!one) return control_answer::error(EBADMSG, "a descriptor did not arrive");
  }

  watched_process process;
  const std::uint64_t number = in.next_number();
  if (expiring) {
    if (!asked.caller_pidfd) {
      return control_answer::error(EOPNOTSUPP, "this kernel does not say when a process ends (Linux 6.5 does)");
    }
    auto held = duplicate(asked.caller_pidfd);
    if (!held) return control_answer::error(held.error().value(), "no descriptor is free");
    auto watched = watched_process::make(std::move(*held), ends, number);
    if (!watched) return control_answer::error(watched.error().value(), "the process cannot be watched");
    process = std::move(*watched);
  }
  auto text = fmt::format(R"({{"stored":{},"descriptors":{}}})", quoted(as.name), count);
  const auto kept = std::make_shared<descriptor_list>(std::move(asked.descriptors));
  stored_entry entry{.descriptors = kept,
                     .group = asked.caller.gid,
                     .with = std::move(with),
                     .process = std::move(process),
                     .number = number};
  if (const auto put = in.put(as, entry); !put) return refused(put.error(), as);
  return {.text = std::move(text)};
}

control_answer fetch_command(const descriptor_store& from, control_request& asked) {
  const auto which = entry_in(asked.words.subspan(1), asked.caller);
  if (!which) return usage(fetch_usage);
  if (!asked.descriptors.empty()) return surplus();
  const auto found = from.find(*which, asked.caller);
  if (!found) return refused(found.error(), *which);
  const stored_entry& entry = **found;
  return {.text = fmt::format(R"({{"fetched":{},"uid":{},"gid":{},"descriptors":{}}})", quoted(which->name),
                              which->owner, entry.group, entry.descriptors->size()),
          .descriptors = entry.descriptors};
}

control_answer drop_command(descriptor_store& from, control_request& asked) {
  const auto which = entry_in(asked.words.subspan(1), asked.caller);
  if (!which) return usage(drop_usage);
  if (!asked.descriptors.empty()) return surplus();
  auto text = fmt::format(R"({{"dropped":{}}})", quoted(which->name));
  if (const auto dropped = from.drop(*which, asked.caller); !dropped) return refused(dropped.error(), *which);
  return {.text = std::move(text)};
}

control_answer list_command(const descriptor_store& of, control_request& asked) {
  words said = asked.words.subspan(1);
  auto at = of.entries().begin();
  if (!said.empty()) {
    const auto after = said[0] == "after" ? entry_in(said.subspan(1), asked.caller) : std::nullopt;
    if (!after) return usage(list_usage);
    at = of.entries().upper_bound(*after);
  }
  if (!asked.descriptors.empty()) return surplus();
  std::string text{R"({"entries":[)"};
  const char* comma = "";
  bool more = false;
  for (; at != of.entries().end() && !more; ++at) {
    const auto& [name, entry] = *at;
    if (!of.find(name, asked.caller)) continue;
    more = text.size() >= list_bytes;
    if (more) break;
    text += std::exchange(comma, ",");
    write_entry(text, name, entry);
  }
  text += more ? R"(],"more":true})" : R"(],"more":false})";
  return {.text = std::move(text)};
}

}  // namespace scm::inline v0_1::detail
