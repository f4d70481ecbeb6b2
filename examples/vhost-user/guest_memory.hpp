/// The guest's memory: received as descriptors, mapped only after admission, and reached by checked addresses alone.
#pragma once

#include "protocol.hpp"

#include <scm/core.hpp>
#include <scm/process/shared_memory.hpp>

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace vhost_user {

/// A value, or why there is none, in words for the log.
template <class T = void>
using answer = std::expected<T, std::string>;

class guest_memory {
 public:
  /// All regions of a table, or none. Each must be a memfd that nobody can make smaller, large enough for what the
  /// table says of it, and no two may overlap. Takes the descriptors.
  static answer<guest_memory> map(const memory_table& table, scm::descriptor_list& files);

  /// Adds the pieces of a buffer of the guest, which may reach over regions that touch. False, and nothing added, when
  /// any byte of it is outside.
  [[nodiscard]] bool find(std::uint64_t guest_address, std::uint64_t size, std::vector<iovec>& pieces) const;
  /// The same for what lies in one piece; null when it is not there.
  [[nodiscard]] std::byte* find_whole(std::uint64_t guest_address, std::uint64_t size) const;
  /// By an address of the front end's.
  [[nodiscard]] std::byte* find_user(std::uint64_t user_address, std::uint64_t size) const;

 private:
  struct region {
    scm::shared_memory memory;
    std::uint64_t guest_address;
    std::uint64_t user_address;
    std::span<std::byte> bytes;
  };
  [[nodiscard]] const region* region_of(std::uint64_t guest_address) const;

  std::vector<region> regions_;
};

}  // namespace vhost_user
