#include "service/tracer_pairs.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace scm::inline v0_1::detail {
namespace {

bool is_named(const socket_name& name) noexcept {
  const auto* const unix_name = std::get_if<address>(&name);
  return unix_name != nullptr && unix_name->kind() != address::form::unnamed;
}

// Whether what is sent this way comes to that socket. No: it does not, or nobody knows.
bool leads_to(const sent_message& sent, const message_end& at) noexcept {
  const traced_socket& from = sent.from.socket;
  const traced_socket& here = at.socket;
  if (from.family != AF_UNIX || here.family != AF_UNIX || from.type != here.type) return false;
  if (is_named(sent.destination)) {
    const auto& name = std::get<address>(sent.destination);
    if (name.kind() == address::form::abstract) return sent.destination == here.local;
    return sent.from.file && sent.from.file == at.file;  // two processes can mean different files by one path
  }
  if (from.peer_inode != 0) return from.peer_inode == here.inode;
  if (here.peer_inode != 0) return from.inode == here.peer_inode;
  // It was sent before it was accepted, by a socket that is gone.
  return from.type != SOCK_DGRAM && is_named(from.peer) && from.peer == here.local && sent.process == here.peer_process;
}

// Whether both can be the same open file. What could not be looked at can be anything.
bool can_be(const traced_descriptor& sent, const traced_descriptor& came) noexcept {
  if (!sent.what || !came.what) return true;
  return sent.what->kind == came.what->kind && sent.what->identity == came.what->identity &&
         sent.what->access == came.what->access && sent.what->name == came.what->name;
}

bool can_be(const sent_message& sent, const traced_message& came, const receipt& how) noexcept {
  if (came.descriptors.size() > sent.descriptors.size()) return false;
  if (came.descriptors.size() < sent.descriptors.size() && !how.control_cut) return false;
  if (!std::ranges::equal(came.descriptors, std::span{sent.descriptors}.first(came.descriptors.size()),
                          [](const auto& one, const auto& other) { return can_be(other, one); })) {
    return false;
  }
  if (sent.from.socket.type == SOCK_STREAM) return !sent.descriptors.empty();
  if (how.payload_cut ? came.bytes > sent.bytes : came.bytes != sent.bytes) return false;
  const std::size_t both = std::min(came.payload.size(), sent.payload.size());
  return std::ranges::equal(std::span{came.payload}.first(both), std::span{sent.payload}.first(both));
}

// Whether bytes of a stream begin as what was sent: they may have other bytes before them, of write(2).
bool begins_alike(const sent_message& sent, const traced_message& came) noexcept {
  const std::size_t both = std::min(came.payload.size(), sent.payload.size());
  return came.bytes <= sent.bytes &&
         std::ranges::equal(std::span{came.payload}.first(both), std::span{sent.payload}.first(both));
}

}  // namespace

void message_pairs::sent(sent_message message) {
  const bool plain = message.descriptors.empty();
  if (message.from.socket.family != AF_UNIX || (plain && message.from.socket.type == SOCK_STREAM)) return;
  const std::size_t descriptors = message.descriptors.size();
  on_their_way_.push_back({std::move(message), ++clock_});
  plain_ += plain ? 1 : 0;
  descriptors_ += descriptors;
  make_room();
}

void message_pairs::ended(std::uint64_t number, bool passed) noexcept {
  ++clock_;
  for (auto one = on_their_way_.end(); one != on_their_way_.begin();) {
    --one;
    if (one->what.number != number) continue;
    one->ended = clock_;
    if (!passed) forget(one);
    return;
  }
}

void message_pairs::received(traced_message& message, const receipt& how) {
  // Of several that it can be, the first whose bytes are alike. That it is the one is not sure then: write(2) may have
  // put other bytes before those of another.
  position found = on_their_way_.end();
  std::size_t candidates = 0;
  bool alike = false;
  for (auto one = on_their_way_.begin(); one != on_their_way_.end(); ++one) {
    if (!leads_to(one->what, how.at) || !can_be(one->what, message, how)) continue;
    ++candidates;
    if (one->guessed) continue;
    const bool as_sent = begins_alike(one->what, message);
    if (found == on_their_way_.end() || (as_sent && !alike)) found = one;
    alike = alike || as_sent;
  }
  if (found == on_their_way_.end()) return;

  const sent_message& sent = found->what;
  // Without descriptors that were seen to come it may be a message of write(2), or what was cut something else.
  const bool seen = !message.descriptors.empty() || (!sent.descriptors.empty() && !how.asks_for_more);
  const bool certain = candidates == 1 && seen;
  traced_origin origin{sent.number, sent.process, sent.program, sent.from.socket.number, certain};
  std::vector<traced_descriptor> lost;
  for (std::size_t i = message.descriptors.size(); i < sent.descriptors.size(); ++i) {
    lost.push_back(sent.descriptors[i]);
    lost.back().sent_as = std::exchange(lost.back().number, -1);
  }
  for (std::size_t i = 0; i != message.descriptors.size(); ++i) {
    message.descriptors[i].sent_as = sent.descriptors[i].number;
  }
  message.origin = std::move(origin);
  message.lost = std::move(lost);

  for (auto one = on_their_way_.begin(); one != on_their_way_.end(); ++one) {
    if (one == found || !leads_to(one->what, how.at)) continue;
    if (certain && one->ended != 0 && one->ended < found->begun) one->passed_over = true;
    if (!certain && can_be(one->what, message, how)) one->doubtful = true;
  }
  if (how.peeked) return;
  if (certain || found->what.descriptors.empty()) {
    forget(found);
  } else {
    found->guessed = true;
  }
}

std::vector<unreceived_message> message_pairs::unreceived() const {
  std::vector<unreceived_message> all;
  for (const pending& one : on_their_way_) {
    const sent_message& what = one.what;
    if (what.descriptors.empty() || one.guessed) continue;
    all.push_back(
        {what.number, what.process, what.program, what.from.socket, what.descriptors, one.passed_over, !one.doubtful});
  }
  return all;
}

void message_pairs::forget(position which) noexcept {
  plain_ -= which->what.descriptors.empty() ? 1 : 0;
  descriptors_ -= which->what.descriptors.size();
  on_their_way_.erase(which);
}

void message_pairs::make_room() noexcept {
  while (plain_ > most_plain) {
    forget(std::ranges::find_if(on_their_way_, [](const pending& one) { return one.what.descriptors.empty(); }));
  }
  while (on_their_way_.size() - plain_ > most_messages || descriptors_ > most_descriptors) {
    ++forgotten_;
    forget(std::ranges::find_if(on_their_way_, [](const pending& one) { return !one.what.descriptors.empty(); }));
  }
}

}  // namespace scm::inline v0_1::detail
