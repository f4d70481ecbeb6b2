#include "service/control_output.hpp"

#include "core/os_error.hpp"

#include <cerrno>
#include <iterator>
#include <utility>

namespace scm::inline v0_1::detail {
namespace {

/// Whether the connection is as good as before, but for these descriptors.
bool of_descriptors_alone(const std::error_code& why) noexcept {
  if (why == errc::too_many_in_flight || why == errc::over_limit) return true;
  if (&why.category() != &std::system_category()) return false;
  // Closed; not what can be passed; not wanted by the peer (SO_PASSRIGHTS).
  return why.value() == EBADF || why.value() == EINVAL || why.value() == EPERM;
}

}  // namespace

void control_output::add(std::string_view text) {
  // What has descriptors begins a message of its own, and its bytes alone are with them.
  if (pieces_.empty() || pieces_.back().descriptors) pieces_.emplace_back();
  pieces_.back().text += text;
  bytes_ += text.size();
}

void control_output::add(std::string_view text, std::shared_ptr<const descriptor_list> descriptors) {
  if (!descriptors || descriptors->empty()) return add(text);
  const std::size_t count = descriptors->size();
  piece one{std::string{text}, std::move(descriptors)};
  pieces_.push_back(std::move(one));
  bytes_ += text.size();
  descriptors_ += count;
}

result<control_output::progress> control_output::flush(stream& to) {
  progress done;
  std::size_t first = 0;
  const auto forget_sent = [&] {
    pieces_.erase(pieces_.begin(), std::next(pieces_.begin(), static_cast<std::ptrdiff_t>(first)));
  };
  while (first != pieces_.size()) {
    piece& one = pieces_[first];
    const bool with_descriptors = one.descriptors && sent_ == 0;
    const auto sent = to.try_send(const_buffer{one.text.data() + sent_, one.text.size() - sent_},
                                  with_descriptors ? one.descriptors->view() : std::span<const borrowed_fd>{});
    const bool refused = !sent && with_descriptors && of_descriptors_alone(sent.error());
    if (with_descriptors && (sent || refused)) {
      done.descriptors += one.descriptors->size();
      descriptors_ -= one.descriptors->size();
    }
    if (!sent) {
      if (refused) {
        const std::error_code why = sent.error();
        done.refused += one.descriptors->size();
        bytes_ -= one.text.size();
        one.text = control_answer::error(why.value(), "the answer's descriptors cannot be sent: " + why.message()).text;
        one.text += '\n';
        bytes_ += one.text.size();
        one.descriptors.reset();
        continue;
      }
      forget_sent();
      if (would_block(sent.error())) return done;
      return std::unexpected{sent.error().code};
    }
    if (with_descriptors) one.descriptors.reset();
    sent_ += *sent;
    bytes_ -= *sent;
    if (sent_ != one.text.size()) continue;
    sent_ = 0;
    ++first;
  }
  std::vector<piece>{}.swap(pieces_);
  return done;
}

}  // namespace scm::inline v0_1::detail
