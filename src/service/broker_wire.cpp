#include "service/broker_wire.hpp"

#include <scm/process/named_fd.hpp>

#include <cstring>
#include <type_traits>
#include <utility>

namespace scm::inline v0_1::hand_over {
namespace {

boost::endian::little_uint8_buf_t byte(unsigned value) noexcept {
  return boost::endian::little_uint8_buf_t{static_cast<std::uint8_t>(value)};
}

header header_of(kind what) noexcept { return {byte(version), byte(static_cast<unsigned>(what))}; }

template <class Plain>
  requires std::is_trivially_copyable_v<Plain>
void append(bytes& to, const Plain& value) {
  const auto raw = std::as_bytes(std::span{&value, 1});
  to.insert(to.end(), raw.begin(), raw.end());
}
void append_text(bytes& to, std::string_view text) {
  const auto raw = std::as_bytes(std::span{text});
  to.insert(to.end(), raw.begin(), raw.end());
}

/// What is left of a record, taken from the front.
class reader {
 public:
  explicit reader(std::span<const std::byte> record) noexcept : rest_{record} {}

  template <class Plain>
  [[nodiscard]] bool read(Plain& value) noexcept {
    if (rest_.size() < sizeof value) return false;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_ = rest_.subspan(sizeof value);
    return true;
  }
  [[nodiscard]] bool read_ids(std::vector<std::uint32_t>& into, std::size_t count) {
    for (; count != 0; --count) {
      boost::endian::little_uint32_buf_t id;
      if (!read(id)) return false;
      into.push_back(id.value());
    }
    return true;
  }
  [[nodiscard]] std::string text() const { return {reinterpret_cast<const char*>(rest_.data()), rest_.size()}; }
  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

std::unexpected<std::error_code> malformed() noexcept { return std::unexpected{make_error_code(errc::malformed)}; }

bool is_flag(const boost::endian::little_uint8_buf_t& flag) noexcept { return flag.value() <= 1; }

}  // namespace

bytes encode(kind what) {
  bytes made;
  append(made, header_of(what));
  return made;
}

bytes encode_end(std::uint32_t entries) {
  bytes made;
  append(made, end_header{header_of(kind::end), boost::endian::little_uint32_buf_t{entries}});
  return made;
}

bytes encode_offer(std::string_view path, bool lock) {
  bytes made;
  append(made, offer_header{header_of(kind::offer), byte(!path.empty()), byte(lock)});
  append_text(made, path);
  return made;
}

bytes encode_entry(const detail::entry_name& name, const detail::stored_entry& entry) {
  bytes made;
  append(made,
         entry_header{header_of(kind::entry), byte(entry.with.everybody), byte(static_cast<bool>(entry.process)),
                      boost::endian::little_uint32_buf_t{name.owner}, boost::endian::little_uint32_buf_t{entry.group},
                      boost::endian::little_uint16_buf_t{static_cast<std::uint16_t>(entry.with.users.size())},
                      boost::endian::little_uint16_buf_t{static_cast<std::uint16_t>(entry.with.groups.size())}});
  for (const auto* const ids : {&entry.with.users, &entry.with.groups}) {
    for (const std::uint32_t id : *ids) append(made, boost::endian::little_uint32_buf_t{id});
  }
  append_text(made, name.name);
  return made;
}

result<kind> kind_of(std::span<const std::byte> record) {
  header first;
  if (!reader{record}.read(first)) return malformed();
  if (first.version.value() != version) return std::unexpected{make_error_code(errc::unknown_version)};
  const auto what = static_cast<kind>(first.what.value());
  if (what < kind::begin || what > kind::taken) return malformed();
  return what;
}

result<offer> decode_offer(std::span<const std::byte> record, std::size_t descriptors) {
  reader rest{record};
  offer_header head;
  if (!rest.read(head) || !is_flag(head.file) || !is_flag(head.lock)) return malformed();
  offer made{rest.text(), head.lock.value() != 0};
  const bool file = head.file.value() != 0;
  if (made.path.empty() == file || made.path.contains('\0') || made.path.size() > limits::address_bytes) {
    return malformed();
  }
  if ((made.lock && !file) || descriptors != 2U + (file ? 1 : 0) + (made.lock ? 1 : 0)) return malformed();
  return made;
}

result<entry> decode_entry(std::span<const std::byte> record, std::size_t descriptors) {
  reader rest{record};
  entry_header head;
  if (!rest.read(head) || !is_flag(head.everybody) || !is_flag(head.expiring)) return malformed();
  if (head.users.value() > detail::shared_with_most || head.groups.value() > detail::shared_with_most) {
    return malformed();
  }
  entry made{.name = {head.owner.value(), {}},
             .group = head.group.value(),
             .with = {.everybody = head.everybody.value() != 0},
             .expiring = head.expiring.value() != 0};
  if (!rest.read_ids(made.with.users, head.users.value()) || !rest.read_ids(made.with.groups, head.groups.value())) {
    return malformed();
  }
  made.name.name = rest.text();
  if (!is_fd_name(made.name.name) || descriptors < (made.expiring ? 2U : 1U)) return malformed();
  return made;
}

result<std::uint32_t> decode_end(std::span<const std::byte> record, std::size_t descriptors) {
  reader rest{record};
  end_header head;
  if (!rest.read(head) || !rest.empty() || descriptors != 0) return malformed();
  return head.entries.value();
}

}  // namespace scm::inline v0_1::hand_over
