#include "messages.hpp"

#include <fmt/format.h>

namespace vhost_user {

std::string fault_of(const message& asked) {
  const auto what = asked.head.request;
  const auto rule = shape_of(static_cast<request>(what));
  if (!rule) return fmt::format("request {} is none of a block device", what);
  if ((asked.head.flags & version_mask) != version || (asked.head.flags & is_reply) != 0) {
    return fmt::format("request {} has flags {:#x}", what, asked.head.flags);
  }
  if (asked.head.size < rule->least || asked.head.size > rule->most) {
    return fmt::format("request {} has a payload of {} bytes", what, asked.head.size);
  }
  if (asked.files.size() < rule->least_files || asked.files.size() > rule->most_files) {
    return fmt::format("request {} has {} descriptors", what, asked.files.size());
  }
  return {};
}

// Exactly so many bytes and never one of the next message, so that descriptors that come are those of this one: they
// come with the first byte or not at all.
answer<scm::descriptor_list> messages::fill(std::span<std::byte> room, std::size_t most_files, scm::deadline until,
                                            bool& ended) {
  scm::descriptor_list files;
  for (bool first = true; !room.empty(); first = false) {
    auto got = channel_.receive(room, first ? most_files : 0, {.until = until});
    ended = first && !got && got.error() == scm::errc::end_of_file;
    if (!got) return std::unexpected{got.error().code.message()};
    if (first) files = std::move(got->descriptors);
    room = room.subspan(got->size);
    until = scm::in(patience);
  }
  return files;
}

answer<std::optional<message>> messages::receive(std::size_t most_files, scm::deadline until) {
  message got{};
  bool ended = false;
  auto files = fill(std::as_writable_bytes(std::span{&got.head, 1}), most_files, until, ended);
  if (ended) return std::nullopt;
  if (!files) return std::unexpected{files.error()};
  got.files = std::move(*files);
  if (got.head.size > sizeof got.body) return std::unexpected{fmt::format("a payload of {} bytes", got.head.size)};
  const auto body = std::as_writable_bytes(std::span{&got.body, 1}).first(got.head.size);
  if (const auto rest = fill(body, 0, scm::in(patience), ended); !rest) return std::unexpected{rest.error()};
  return got;
}

answer<> messages::send(std::uint32_t request, std::uint32_t flags, std::span<const std::byte> body,
                        scm::borrowed_fds files) {
  const header head{request, version | flags, static_cast<std::uint32_t>(body.size())};
  const auto sent = channel_.send_all({scm::const_buffer{&head, sizeof head}, scm::const_buffer{body}}, files,
                                      {.until = scm::in(patience)});
  if (!sent) return std::unexpected{sent.error().code.message()};
  return {};
}

}  // namespace vhost_user
