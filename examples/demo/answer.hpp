/// What parent and child say to each other: one program on both sides, so plain structures will do.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <type_traits>

namespace demo {

/// What the child has given up, sent before it gets anything. Errors are numbers of errno(3), 0 for none.
struct confinement {
  std::int32_t landlock_version = 0;  ///< 0: not by Landlock.
  std::int32_t landlock_error = 0;
  std::int32_t chroot_error = 0;  ///< Tried without Landlock only.
  std::int32_t network_error = 0;
  std::int32_t privileges_error = 0;
  std::int32_t open_descriptors = 0;  ///< All that the child has: the channel.
};

/// A process as one side sees the other; pid 0 when it sees nothing.
struct identity {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// What the child writes into the memory that it got.
struct answer {
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  std::uint64_t nanoseconds = 0;  ///< For reading, counting and hashing.
  std::array<std::uint8_t, 32> sha256{};
  std::int32_t open_error = 0;     ///< Of opening the file by its name; 0: it was opened.
  std::int32_t connect_error = 0;  ///< Of connecting to this machine's own 127.0.0.1.
  identity sender;                 ///< Of the message that brought the descriptors: SCM_CREDENTIALS.
  identity connector;              ///< Who made the connection: SO_PEERCRED.
};

static_assert(std::is_trivially_copyable_v<confinement> && std::is_trivially_copyable_v<answer>);

/// The slots of the one message.
enum slot : std::size_t { file_slot, answer_slot, done_slot, slots };

}  // namespace demo
