#include <scm/frame/calls.hpp>

#include "frame/wire.hpp"

#include <algorithm>

namespace scm::inline v0_1 {
namespace {

struct raw_header {
  boost::endian::little_uint8_buf_t kind;
  std::array<std::byte, 7> reserved;
  boost::endian::little_uint64_buf_t id;
};
static_assert(sizeof(raw_header) == call_header::bytes && alignof(raw_header) == 1);

}  // namespace

call_header::call_header(call_kind kind, std::uint64_t id) noexcept : id_{id}, raw_{} {
  raw_header header{};
  header.kind = static_cast<std::uint8_t>(kind);
  header.id = id;
  std::memcpy(raw_.data(), &header, sizeof header);
}

result<call_message> as_call(std::span<const std::byte> record) noexcept {
  const auto malformed = std::unexpected{make_error_code(errc::malformed)};
  if (record.size() < call_header::bytes) return malformed;
  const auto header = wire::load<raw_header>(record);
  if (header.kind.value() < 1 || header.kind.value() > 3) return malformed;
  if (std::ranges::any_of(header.reserved, [](std::byte each) { return each != std::byte{0}; })) return malformed;
  return call_message{static_cast<call_kind>(header.kind.value()), header.id.value(),
                      record.subspan(call_header::bytes)};
}

std::vector<call_table::call>::iterator call_table::find(std::uint64_t id) noexcept {
  const auto at = std::ranges::lower_bound(calls_, id, {}, &call::id);
  return at != calls_.end() && at->id == id ? at : calls_.end();
}

result<call_header> call_table::begin(std::uintptr_t token, deadline until) noexcept {
  if (calls_.size() >= most_) return std::unexpected{make_error_code(errc::over_limit)};
  try {
    calls_.push_back({next_id_, token, until});
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return call_header{call_kind::request, next_id_++};
}

result<std::optional<std::uintptr_t>> call_table::answered(const call_message& reply) noexcept {
  if (reply.kind != call_kind::reply || reply.id >= next_id_) {
    return std::unexpected{make_error_code(errc::malformed)};
  }
  const auto at = find(reply.id);
  if (at == calls_.end()) return std::nullopt;
  const std::uintptr_t token = at->token;
  calls_.erase(at);
  return token;
}

std::optional<call_header> call_table::cancel(std::uint64_t id) noexcept {
  const auto at = find(id);
  if (at == calls_.end()) return {};
  calls_.erase(at);
  return call_header{call_kind::cancel, id};
}

deadline call_table::next_deadline() const noexcept {
  const auto first = std::ranges::min_element(calls_, {}, &call::until);
  return first == calls_.end() ? no_deadline : first->until;
}

std::optional<call_table::expired> call_table::expire(deadline now) noexcept {
  const auto first = std::ranges::min_element(calls_, {}, &call::until);
  if (first == calls_.end() || first->until == no_deadline || first->until > now) return {};
  const expired over{first->id, first->token};
  calls_.erase(first);
  return over;
}

}  // namespace scm::inline v0_1
