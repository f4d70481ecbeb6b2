#include "service/control_lines.hpp"

#include <new>
#include <utility>

namespace scm::inline v0_1::detail {

std::optional<line_fault> control_lines::fail(line_fault why) noexcept {
  fault_ = why;
  return fault_;
}

std::optional<line_fault> control_lines::add(std::string_view bytes, const std::optional<credentials>& sender,
                                             descriptor_list&& descriptors, owned_fd&& pidfd) {
  if (fault_) return fault_;
  if (!sender) return fail(line_fault::unattested);
  if (!empty() && sender_ != sender) return fail(line_fault::mixed);
  if (!descriptors.empty()) {
    // They came with some byte of these, and nobody can say which: all must be of one line.
    if (const auto end = bytes.find('\n'); end != bytes.npos && end + 1 != bytes.size()) {
      return fail(line_fault::ambiguous);
    }
    if (descriptors_.size() + descriptors.size() > most_) return fail(line_fault::too_many_descriptors);
    if (!descriptors_.reserve(descriptors_.size() + descriptors.size())) throw std::bad_alloc{};
  }
  if (empty()) {
    bytes_ = bytes;
    at_ = 0;
  } else {
    bytes_ = kept_.append(bytes);
  }
  for (std::size_t i = 0; i != descriptors.size(); ++i) (void)descriptors_.adopt(descriptors.take(i));
  sender_ = sender;
  pidfd_ = std::move(pidfd);
  return {};
}

std::optional<std::string_view> control_lines::next() noexcept {
  if (fault_) return {};
  if (std::exchange(taken_, false)) descriptors_.clear();
  const std::size_t end = bytes_.find('\n', at_);
  const std::size_t size = (end == bytes_.npos ? bytes_.size() : end) - at_;
  if (size > longest_) {
    (void)fail(line_fault::too_long);
    return {};
  }
  if (end == bytes_.npos) return {};
  const std::string_view line = bytes_.substr(at_, size);
  at_ = end + 1;
  taken_ = true;
  return line;
}

void control_lines::settle() {
  if (std::exchange(taken_, false)) descriptors_.clear();
  if (empty()) {
    // An idle connection keeps nothing of what it once said.
    if (kept_.capacity() > std::string{}.capacity()) std::string{}.swap(kept_);
    kept_.clear();
    bytes_ = {};
    at_ = 0;
    sender_.reset();
    pidfd_.reset();
    return;
  }
  if (bytes_.data() == kept_.data()) {
    kept_.erase(0, at_);
  } else {
    kept_ = bytes_.substr(at_);
  }
  bytes_ = kept_;
  at_ = 0;
}

}  // namespace scm::inline v0_1::detail
