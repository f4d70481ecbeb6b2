/// Answers that wait for their reader, in order, with their descriptors.
#pragma once

#include <scm/channel/stream.hpp>
#include <scm/service/control_request.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scm::inline v0_1::detail {

class control_output {
 public:
  /// What was handed to the kernel.
  struct progress {
    std::size_t descriptors = 0;  ///< How many were sent, or given up.
    std::size_t refused = 0;      ///< Those of them that were given up.
  };

  /// Throws std::bad_alloc, and nothing is added.
  void add(std::string_view text);
  void add(std::string_view text, std::shared_ptr<const descriptor_list> descriptors);

  /// Hands over what the kernel takes without waiting. Errors: that of the connection, which is then useless. Where
  /// only descriptors are refused, their answer becomes an error. Throws std::bad_alloc.
  [[nodiscard]] result<progress> flush(stream& to);

  [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t descriptors() const noexcept { return descriptors_; }

 private:
  struct piece {
    std::string text;
    std::shared_ptr<const descriptor_list> descriptors;
  };

  std::vector<piece> pieces_;
  std::size_t sent_ = 0;  // bytes of the first piece that are gone, its descriptors with them
  std::size_t bytes_ = 0;
  std::size_t descriptors_ = 0;
};

}  // namespace scm::inline v0_1::detail
