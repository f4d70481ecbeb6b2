/// A message of a supervised program, with what the kernel says of those at both ends.
#pragma once

#include <scm/core/address.hpp>
#include <scm/core/credentials.hpp>
#include <scm/service/policy.hpp>
#include <scm/service/supervisor.hpp>

#include <optional>
#include <string>

namespace scm::cli {

/// Looks at what the message and its socket refer to; reads nothing of the program's memory, and waits for nobody:
/// names are asked of Unix sockets alone, since those of others wait for whoever is inside a send (`describe`).
class guarded_message {
 public:
  /// Borrows the message. Throws std::bad_alloc.
  explicit guarded_message(const supervised_message& message);

  [[nodiscard]] policy_message for_policy() const noexcept;

  [[nodiscard]] const supervised_message& message() const noexcept { return *message_; }
  [[nodiscard]] const std::string& program() const noexcept { return program_; }
  [[nodiscard]] int family() const noexcept { return family_; }
  [[nodiscard]] int type() const noexcept { return type_; }
  [[nodiscard]] const std::optional<address>& peer() const noexcept { return peer_; }
  [[nodiscard]] const std::optional<address>& local() const noexcept { return local_; }
  [[nodiscard]] const std::optional<credentials>& peer_process() const noexcept { return peer_process_; }
  [[nodiscard]] bool more_bytes() const noexcept;

 private:
  void look_at_ends();

  const supervised_message* message_;
  std::string program_;  // empty: not known
  int family_ = 0, type_ = 0;
  std::optional<address> peer_, local_;
  std::optional<credentials> peer_process_;
};

}  // namespace scm::cli
