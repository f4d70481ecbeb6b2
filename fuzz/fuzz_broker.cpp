// A broker's commands: any sequence of lines by any users gives the verdicts of a model that shares no code with the
// store; what is handed out is what was stored; and in the end no descriptor is left.
//
// Input: lines. The first character of each is who says it (0 is root), the second how many descriptors come with it;
// what follows are the words. A line that begins with ! ends the process of the oldest expiring
// entry.
#include "check.hpp"

#include "service/broker_commands.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr scm::store_limits limits{.descriptors = 9, .descriptors_per_user = 5, .entries = 6, .entries_per_user = 4};

scm::credentials user(char c) {
  const auto id = static_cast<uid_t>(c - '0');
  return {1, id, static_cast<gid_t>(id / 2)};
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    if (end != 0) words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

// --- the model: a plain list, and each rule written down once more ---------------------------------------------------

struct kept {
  uid_t owner;
  std::string name;
  std::size_t count;
  bool expiring;
  std::vector<std::string> to;

  [[nodiscard]] std::size_t cost() const { return count + (expiring ? 1 : 0); }
};

bool good_name(std::string_view name) {
  if (name.empty() || name.size() > 255) return false;
  for (const char c : name) {
    if (c < 33 || c > 126 || c == ':') return false;
  }
  return true;
}

bool good_id(const std::string& digits) {
  if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return false;
  const auto first = std::min(digits.find_first_not_of('0'), digits.size());
  return digits.size() - first <= 10 && std::strtoull(digits.c_str(), nullptr, 10) < 0xffffffffU;
}

uid_t id(std::string_view word) {
  return static_cast<uid_t>(std::strtoull(std::string{word.substr(4)}.c_str(), nullptr, 10));
}

class model {
 public:
  int say(const scm::credentials& who, const std::vector<std::string_view>& words, std::size_t count) {
    if (words[0] == "store") return store(who, words, count);
    if (words[0] == "list") return list(words, count);
    uid_t owner = who.uid;
    if (words.size() != 2 && words.size() != 4) return EINVAL;
    if (!good_name(words[1]) || (words.size() == 4 && !of(words[2], words[3]))) return EINVAL;
    if (words.size() == 4) owner = id(words[3]);
    if (count != 0) return EBADMSG;
    const auto found = find(owner, words[1]);
    const bool own = owner == who.uid || who.uid == 0;
    if (words[0] == "drop") {
      if (!own) return EACCES;
      if (found == all.end()) return ENOENT;
      all.erase(found);
      return 0;
    }
    if (found == all.end()) return own ? ENOENT : EACCES;
    return own || readable(*found, who) ? 0 : EACCES;
  }

  std::vector<kept>::iterator find(uid_t owner, std::string_view name) {
    return std::ranges::find_if(all, [&](const kept& one) { return one.owner == owner && one.name == name; });
  }

  static bool readable(const kept& entry, const scm::credentials& who) {
    for (const auto& word : entry.to) {
      if (word == "all" || (word.starts_with("uid=") && id(word) == who.uid) ||
          (word.starts_with("gid=") && id(word) == who.gid)) {
        return true;
      }
    }
    return false;
  }

  std::vector<kept> all;

 private:
  static bool of(std::string_view first, std::string_view second) {
    return first == "of" && second.starts_with("uid=") && good_id(std::string{second.substr(4)});
  }

  static int list(const std::vector<std::string_view>& words, std::size_t count) {
    const auto size = words.size();
    if (size != 1 && (words[1] != "after" || (size != 3 && size != 5) || !good_name(words[2]))) return EINVAL;
    if (size == 5 && !of(words[3], words[4])) return EINVAL;
    return count != 0 ? EBADMSG : 0;
  }

  int store(const scm::credentials& who, const std::vector<std::string_view>& words, std::size_t count) {
    if (words.size() < 2 || !good_name(words[1])) return EINVAL;
    kept made{who.uid, std::string{words[1]}, count, false, {}};
    std::size_t at = 2;
    if (at < words.size() && words[at] == "expiring") {
      made.expiring = true;
      ++at;
    }
    std::size_t users = 0;
    std::size_t groups = 0;
    if (at < words.size()) {
      if (words[at] != "to" || at + 1 == words.size()) return EINVAL;
      while (++at < words.size()) {
        const std::string word{words[at]};
        const bool user = word.starts_with("uid=");
        if (word != "all" && !((user || word.starts_with("gid=")) && good_id(word.substr(4)))) return EINVAL;
        if (word != "all") ++(user ? users : groups);
        made.to.push_back(word);
      }
    }
    if (users > 32 || groups > 32) return EINVAL;
    if (count == 0) return EBADMSG;
    std::size_t own_entries = 1;
    std::size_t own = made.cost();
    std::size_t entries = 1;
    std::size_t descriptors = made.cost();
    for (const kept& one : all) {
      if (one.owner == made.owner && one.name == made.name) continue;
      ++entries;
      descriptors += one.cost();
      if (one.owner != made.owner) continue;
      ++own_entries;
      own += one.cost();
    }
    if (own_entries > limits.entries_per_user || own > limits.descriptors_per_user) return EDQUOT;
    if (entries > limits.entries || descriptors > limits.descriptors) return ENOSPC;
    if (const auto old = find(made.owner, made.name); old != all.end()) all.erase(old);
    all.push_back(made);
    return 0;
  }
};

// --- the broker ------------------------------------------------------------------------------------------------------

int error_of(const std::string& text) { return text.starts_with(R"({"err":)") ? std::atoi(text.c_str() + 7) : 0; }

int next_free() {
  const scm::owned_fd probe{::fcntl(0, F_DUPFD_CLOEXEC, 0)};
  return probe.native_handle();
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

scm::control_answer ask(scm::detail::descriptor_store& store, scm::borrowed_fd ends, scm::control_request& asked) {
  if (asked.words[0] == "store") return scm::detail::store_command(store, ends, asked);
  if (asked.words[0] == "fetch") return scm::detail::fetch_command(store, asked);
  if (asked.words[0] == "drop") return scm::detail::drop_command(store, asked);
  return scm::detail::list_command(store, asked);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const scm::owned_fd self{static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))};
  static const scm::owned_fd file{::eventfd(0, EFD_CLOEXEC)};
  const int before = next_free();
  {
    const scm::owned_fd ends{::epoll_create1(EPOLL_CLOEXEC)};
    scm::detail::descriptor_store store{limits};
    model expected;
    std::string_view rest{reinterpret_cast<const char*>(data), size};
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.starts_with('!')) {
        static int first_only;
        first_only = 0;
        std::uint64_t first = UINT64_MAX;  // the oldest
        std::optional<scm::detail::entry_name> which;
        for (const auto& [name, entry] : store.entries()) {
          if (!entry.process || entry.number > first) continue;
          first = entry.number;
          which = name;
        }
        if (which) expected.all.erase(expected.find(which->owner, which->name));
        store.expire([](scm::borrowed_fd) { return first_only++ == 0; });
      } else {
        if (line.size() < 3 || line[0] < '0' || line[0] > '9' || line[1] < '0' || line[1] > '9') continue;
        const auto words = split(line.substr(2));
        if (words.empty()) continue;
        const auto first = words[0];
        if (first != "store" && first != "fetch" && first != "drop" && first != "list") continue;
        const auto who = user(line[0]);
        const auto came = static_cast<std::size_t>(line[1] - '0');
        scm::descriptor_list list;
        for (std::size_t i = 0; i != came; ++i) (void)list.adopt(scm::duplicate(file).value());
        scm::control_request asked{words, who, self, list};
        const auto answer = ask(store, ends, asked);
        FUZZ_CHECK(error_of(answer.text) == expected.say(who, words, came));
        FUZZ_CHECK(answer.text.find('\n') == answer.text.npos);
        FUZZ_CHECK((answer.descriptors != nullptr) == (error_of(answer.text) == 0 && first == "fetch"));
        if (answer.descriptors) {
          const auto owner = words.size() == 4 ? id(words[3]) : who.uid;
          FUZZ_CHECK(answer.descriptors->size() == expected.find(owner, words[1])->count);
          FUZZ_CHECK(::fcntl((*answer.descriptors)[0].native_handle(), F_GETFD) == FD_CLOEXEC);
        }
        if (first == "list" && words.size() == 1 && came == 0) {
          std::size_t visible = 0;
          for (const kept& one : expected.all) {
            visible += one.owner == who.uid || who.uid == 0 || model::readable(one, who) ? 1 : 0;
          }
          FUZZ_CHECK(count(answer.text, R"("name":")") == visible);
        }
      }
      std::size_t descriptors = 0;
      for (const kept& one : expected.all) descriptors += one.cost();
      FUZZ_CHECK(store.entries().size() == expected.all.size() && store.descriptors() == descriptors);
    }
  }
  FUZZ_CHECK(next_free() == before);
  return 0;
}
