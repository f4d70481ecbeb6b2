/// Lines out of what a stream delivers: bytes, who sent them, and the descriptors that came along. No sockets.
#pragma once

#include <scm/core/credentials.hpp>
#include <scm/core/descriptor_list.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace scm::inline v0_1::detail {

/// Why there are no more lines, ever.
enum class line_fault : unsigned char {
  unattested,  ///< Nobody says who sent these bytes.
  mixed,       ///< One line of two senders.
  too_long,
  ambiguous,             ///< Descriptors that came with bytes of more than one line.
  too_many_descriptors,  ///< More than a line may have.
};

/// One connection's lines. What a receive delivered is added, the lines are taken one after another, what is left is
/// settled; then comes the next receive.
///
/// It rests on what the kernel does on streams with credentials on: one receive never mixes senders (C10), nor the
/// descriptors of two sends, and it ends with the send that has descriptors; but it may begin with bytes from before
/// (C1).
class control_lines {
 public:
  control_lines(std::size_t longest, std::size_t descriptors) noexcept : longest_{longest}, most_{descriptors} {}

  /// What one receive delivered. The bytes are borrowed until `settle`; all lines of earlier ones must have been taken.
  /// Throws std::bad_alloc.
  [[nodiscard]] std::optional<line_fault> add(std::string_view bytes, const std::optional<credentials>& sender,
                                              descriptor_list&& descriptors, owned_fd&& pidfd);
  /// The next line without its newline, or nothing if there is none; lent until the next call. Its descriptors are in
  /// `descriptors` until then.
  [[nodiscard]] std::optional<std::string_view> next() noexcept;
  /// What ended the lines: one that is too long is found on the way.
  [[nodiscard]] const std::optional<line_fault>& fault() const noexcept { return fault_; }
  /// Keeps what was not taken. Throws std::bad_alloc.
  void settle();

  /// Whether bytes are there, and whether a whole line is.
  [[nodiscard]] bool empty() const noexcept { return at_ == bytes_.size(); }
  [[nodiscard]] bool more() const noexcept { return !fault_ && bytes_.find('\n', at_) != bytes_.npos; }

  /// Of the line that was last taken.
  [[nodiscard]] const credentials& sender() const noexcept { return *sender_; }
  [[nodiscard]] borrowed_fd pidfd() const noexcept { return pidfd_.get(); }
  [[nodiscard]] descriptor_list& descriptors() noexcept { return descriptors_; }
  /// Slots that are held for a line that is not taken yet.
  [[nodiscard]] std::size_t held() const noexcept { return taken_ ? 0 : descriptors_.size(); }

 private:
  std::optional<line_fault> fail(line_fault why) noexcept;

  std::size_t longest_, most_;
  std::string kept_;        // what was settled
  std::string_view bytes_;  // of `kept_`, or lent
  std::size_t at_ = 0;      // where the next line begins
  std::optional<credentials> sender_;
  owned_fd pidfd_;
  descriptor_list descriptors_;  // of the first line that is not taken, or of the one that was taken last
  bool taken_ = false;           // which of the two
  std::optional<line_fault> fault_;
};

}  // namespace scm::inline v0_1::detail
