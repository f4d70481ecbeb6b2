/// What a benchmark asks of whoever passes descriptors.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace bench {

/// The messages of a workload: all alike.
struct traffic {
  std::size_t bytes = 0;
  std::size_t descriptors = 0;
  std::span<const int> lent;  ///< As many open descriptors, lent for the whole run.
};

/// One end of a connection. Every end does the same work: it sends the traffic's bytes and descriptors, and on receipt
/// checks for loss, surplus and length and closes the descriptors. Failures throw.
class endpoint {
 public:
  endpoint() = default;
  endpoint(const endpoint&) = delete;
  endpoint& operator=(const endpoint&) = delete;
  virtual ~endpoint() = default;

  virtual void send(std::size_t messages) = 0;
  /// The descriptors that arrived with so many messages.
  virtual std::size_t receive(std::size_t messages) = 0;
};

class contender {
 public:
  contender() = default;
  contender(const contender&) = delete;
  contender& operator=(const contender&) = delete;
  virtual ~contender() = default;

  [[nodiscard]] virtual std::string name() const = 0;

  /// A new connection. Both ends are made in one process; a fork may then leave one of them to each, and destroying
  /// an end closes it in this process.
  [[nodiscard]] virtual std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(
      const traffic& messages) = 0;
};

/// The measure of the others, and the same once more, which shows what a difference of chance looks like.
inline constexpr std::string_view baseline = "plain C";
inline constexpr std::string_view baseline_again = "plain C again";

/// Hand-written C over SEQPACKET.
[[nodiscard]] std::unique_ptr<contender> make_plain_c(std::string_view label);
/// This library over SEQPACKET.
[[nodiscard]] std::unique_ptr<contender> make_scm();

}  // namespace bench
