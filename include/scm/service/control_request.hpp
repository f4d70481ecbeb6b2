/// What a handler of a control server is given, and what it answers.
#pragma once

#include <scm/channel/stream.hpp>
#include <scm/core/credentials.hpp>
#include <scm/core/descriptor_list.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace scm::inline v0_1 {

/// One line of a caller who was let in. All of it is lent until the handler returns, but for the descriptors, which it
/// may take.
struct control_request {
  std::span<const std::string_view> words;  ///< At least one: the command. Never empty words, nor control characters.
  credentials caller;                       ///< Of every byte of this line, by the kernel's word.
  borrowed_fd caller_pidfd;                 ///< Invalid before Linux 6.5, and where the descriptor table was full.
  descriptor_list& descriptors;             ///< What came with this line. What is not taken is closed.
};

/// What is sent back. Every line that is a command has one answer, and answers come in the order of the lines.
struct control_answer {
  /// Without its last newline, which is added. JSON, or words for people.
  std::string text{};
  /// Sent with the first byte of the answer, and lent by whoever shares them until then; at most 253. Where the kernel
  /// does not take them (closed, too many in flight, not wanted by the peer) the answer is an error in its place.
  std::shared_ptr<const descriptor_list> descriptors{};
  /// The connection ends after the answer.
  bool close = false;
  /// Called with the connection once the answer is with the kernel, on the server's thread: it belongs to the server no
  /// more. Never called for a client that is gone by then, or that sent bytes behind this line, which would be lost.
  std::function<void(stream&&)> take{};

  /// {"err":number,"msg":"message"}; the number is an errno(3). Throws std::bad_alloc.
  [[nodiscard]] SCM_API static control_answer error(int number, std::string_view message);
};

/// Called on the server's thread, one at a time: while it runs, nobody is served. An exception is an error to the
/// client, and ends nothing.
using control_handler = std::function<control_answer(control_request&)>;

}  // namespace scm::inline v0_1
