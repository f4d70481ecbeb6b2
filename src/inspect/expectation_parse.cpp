#include "inspect/piece.hpp"
#include "inspect/words.hpp"

#include <scm/inspect/expectation_text.hpp>

#include <string>
#include <utility>

namespace scm::inline v0_1 {
namespace {

using detail::fault;
using detail::for_each;
using detail::number_of;
using detail::piece;
using detail::read_number;
using detail::read_size;

fault read_kinds(piece text, kind_set& into) noexcept {
  if (text.text == "any") {
    into = any_kind;
    return {};
  }
  return for_each(text, '/', [&](piece one) -> fault {
    for (int i = 0; i <= static_cast<int>(descriptor_kind::anonymous); ++i) {
      const auto kind = static_cast<descriptor_kind>(i);
      if (name_of(kind) != one.text) continue;
      into.insert(kind);
      return {};
    }
    return one.error("not a kind of descriptor");
  });
}

fault read_access(piece text, access_set& into) noexcept {
  return for_each(text, '/', [&](piece one) -> fault {
    const auto mode = detail::value_of(detail::access_words, one.text);
    if (!mode) return one.error("not an access mode: r, w, rw or none");
    into.insert(*mode);
    return {};
  });
}

fault read_flags(piece text, status_flags& into) noexcept {
  return for_each(text, '+', [&](piece one) -> fault {
    const auto flag = detail::value_of(detail::flag_words, one.text);
    if (!flag) return one.error("not a flag: append, nonblock, direct, sync, dsync, async or noatime");
    into.** flag = true;
    return {};
  });
}

fault read_seals(piece text, seal_set& into) noexcept {
  return for_each(text, '+', [&](piece one) -> fault {
    const auto seal = detail::value_of(detail::seal_words, one.text);
    if (!seal) return one.error("not a seal: seal, shrink, grow, write, future_write or exec");
    into = into | *seal;
    return {};
  });
}

template <class Words>
fault read_word(piece text, const Words& words, const char* what, std::optional<int>& into) noexcept {
  into = detail::value_of(words, text.text);
  if (!into) into = number_of<int>(text.text);
  if (!into) return text.error(what);
  return {};
}

fault read_listening(piece text, std::optional<bool>& into) noexcept {
  if (text.text != "yes" && text.text != "no") return text.error("not yes or no");
  into = text.text == "yes";
  return {};
}

// MAJOR:MINOR, which `rest` follows after another colon, if it is asked for.
fault read_device(piece text, device_number& into, piece* rest = nullptr) noexcept {
  bool last = false;
  if (auto wrong = read_number(text.next(':', last), into.major)) return wrong;
  if (last) return text.error("a colon and the minor number are missing");
  const piece minor = rest == nullptr ? text : text.next(':', last);
  if (rest != nullptr && last) return text.error("a colon and the inode number are missing");
  if (rest != nullptr) *rest = text;
  return read_number(minor, into.minor);
}

fault read_identity(piece text, file_identity& into) noexcept {
  piece inode;
  if (auto wrong = read_device(text, into.device, &inode)) return wrong;
  const auto number = number_of<std::uint64_t>(inode.text);
  if (!number) return inode.error("not an inode number");
  into.inode = *number;
  return {};
}

// Throws std::bad_alloc.
fault read_path(piece text, std::string& into) {
  if (!text.text.starts_with('/')) return text.error("not an absolute path");
  return detail::read_escaped(text, detail::nul::refused, into);
}

/// Everything that a rule may begin with, by its place in the order of the header.
enum class rule : unsigned char {
  kind,
  access,
  flags,
  no_flags,
  seals,
  size,
  least,
  most,
  device,
  family,
  type,
  listening,
  inode,
  below
};

struct beginning {
  std::string_view text;
  rule which;
};

constexpr auto beginnings = std::to_array<beginning>({{"kind=", rule::kind},
                                                      {"access=", rule::access},
                                                      {"flags=", rule::flags},
                                                      {"flags!=", rule::no_flags},
                                                      {"seals=", rule::seals},
                                                      {"size=", rule::size},
                                                      {"size>=", rule::least},
                                                      {"size<=", rule::most},
                                                      {"device=", rule::device},
                                                      {"family=", rule::family},
                                                      {"type=", rule::type},
                                                      {"listening=", rule::listening},
                                                      {"inode=", rule::inode},
                                                      {"below=", rule::below}});

class parser {
 public:
  // Throws std::bad_alloc.
  fault read(std::string_view text) {
    if (text.empty()) return {};
    return for_each({text}, ',', [&](piece one) { return read_rule(one); });
  }

  expectation out;

 private:
  fault read_rule(piece one) {
    for (const auto& [text, which] : beginnings) {
      if (!one.text.starts_with(text)) continue;
      if (!is_first(which)) return one.error("the same was said before");
      return read_value(which, one.from(text.size()));
    }
    if (one.text.empty()) return one.error("a rule is missing");
    if (const auto sign = one.text.find_first_of("=!<>"); sign != one.text.npos) {
      const auto known = [name = one.text.substr(0, sign)](const beginning& b) {
        return b.text.substr(0, b.text.find_first_of("=!<>")) == name;
      };
      for (const auto& b : beginnings) {
        if (known(b)) return one.error("this does not go with such a comparison", sign);
      }
      return one.error("not a rule");
    }
    if (!is_first(rule::kind)) return one.error("the kind was said before; kinds have / between them");
    return read_kinds(one, out.kinds);
  }

  bool is_first(rule which) noexcept {
    const auto bit = [](rule one) { return 1U << static_cast<unsigned>(one); };
    unsigned together = bit(which);
    if (which == rule::size) together |= bit(rule::least) | bit(rule::most);
    if ((seen_ & together) != 0) return false;
    seen_ |= together;
    return true;
  }

  fault read_value(rule which, piece value) {
    switch (which) {
      case rule::kind:
        return read_kinds(value, out.kinds);
      case rule::access:
        return read_access(value, out.access);
      case rule::flags:
        return read_flags(value, out.required_flags);
      case rule::no_flags:
        return read_flags(value, out.forbidden_flags);
      case rule::seals:
        return read_seals(value, out.seals);
      case rule::size: {
        std::uint64_t exact = 0;
        if (auto wrong = read_size(value, exact)) return wrong;
        out.size = {exact, exact};
        return {};
      }
      case rule::least:
        return read_size(value, sizes().least);
      case rule::most:
        return read_size(value, sizes().most);
      case rule::device:
        return read_device(value, out.device.emplace());
      case rule::family:
        return read_word(value, detail::family_words,
                         "not a family: unix, inet, inet6, netlink, packet, vsock or a number", out.socket_family);
      case rule::type:
        return read_word(value, detail::type_words, "not a type: stream, dgram, seqpacket, raw or a number",
                         out.socket_type);
      case rule::listening:
        return read_listening(value, out.listening);
      case rule::inode:
        return read_identity(value, out.same_as.emplace());
      case rule::below:
        return read_path(value, out.below);
    }
    return value.error("not a rule");
  }

  size_range& sizes() noexcept { return out.size ? *out.size : out.size.emplace(); }

  unsigned seen_ = 0;
};

}  // namespace

result<expectation, rule_error> parse_expectation(std::string_view text) noexcept {
  if (text.size() > expectation_text_bytes) return std::unexpected{rule_error{expectation_text_bytes, "too long"}};
  try {
    parser reading;
    if (const auto wrong = reading.read(text)) return std::unexpected{*wrong};
    return std::move(reading.out);
  } catch (...) {
    return std::unexpected{rule_error{0, "out of memory", std::make_error_code(std::errc::not_enough_memory)}};
  }
}

}  // namespace scm::inline v0_1
