/// The vhost-user protocol as far as a block device speaks it (QEMU's docs/interop/vhost-user.rst). Native byte order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vhost_user {

enum class request : std::uint32_t {
  get_features = 1,
  set_features,
  set_owner,
  reset_owner,
  set_mem_table,
  set_vring_num = 8,
  set_vring_addr,
  set_vring_base,
  get_vring_base,
  set_vring_kick,
  set_vring_call,
  set_vring_err,
  get_protocol_features,
  set_protocol_features,
  get_queue_num,
  set_vring_enable,
  set_backend_req_fd = 21,
  get_config = 24,
};
inline constexpr std::uint32_t backend_config_change = 2;  // on the back end's own channel, the other way

struct header {
  std::uint32_t request;
  std::uint32_t flags;
  std::uint32_t size;  ///< Of the payload, in bytes.
};
inline constexpr std::uint32_t version = 1;
inline constexpr std::uint32_t version_mask = 3;
inline constexpr std::uint32_t is_reply = 4;
inline constexpr std::uint32_t need_reply = 8;

inline constexpr std::uint64_t protocol_features = std::uint64_t{1} << 30;  // among the features: there are more below
namespace protocol {
inline constexpr std::uint64_t reply_ack = 1 << 3;
inline constexpr std::uint64_t backend_channel = 1 << 5;
inline constexpr std::uint64_t config = 1 << 9;
}  // namespace protocol

inline constexpr std::size_t most_regions = 8;
inline constexpr std::uint64_t no_descriptor = 1 << 8;  // in the number of set_vring_kick, _call and _err

struct memory_region {
  std::uint64_t guest_address;
  std::uint64_t size;
  std::uint64_t user_address;  ///< Where the front end has mapped it: rings are told by such addresses.
  std::uint64_t offset;        ///< From the start of the descriptor's memory.
};
struct memory_table {
  std::uint32_t count;
  std::uint32_t padding;
  std::array<memory_region, most_regions> regions;
};
struct vring_state {
  std::uint32_t index;
  std::uint32_t number;
};
struct vring_addresses {
  std::uint32_t index;
  std::uint32_t flags;
  std::uint64_t descriptors;
  std::uint64_t used;
  std::uint64_t available;
  std::uint64_t log;
};
struct config_space {
  std::uint32_t offset;
  std::uint32_t size;
  std::uint32_t flags;
  std::array<std::byte, 256> bytes;
};
inline constexpr std::size_t config_head = offsetof(config_space, bytes);

union payload {
  std::uint64_t number;
  vring_state state;
  vring_addresses addresses;
  memory_table memory;
  config_space config;
};
static_assert(sizeof(header) == 12 && sizeof(memory_table) == 264 && sizeof(vring_addresses) == 40 &&
              sizeof(config_space) == 268);

/// What a request may come with, checked before anything is done with it.
struct shape {
  std::uint32_t least, most;             ///< Bytes of payload.
  std::uint8_t least_files, most_files;  ///< Descriptors.
};

/// Nothing for a request that this device does not know.
constexpr std::optional<shape> shape_of(request what) noexcept {
  switch (what) {
    case request::get_features:
    case request::set_owner:
    case request::reset_owner:
    case request::get_protocol_features:
    case request::get_queue_num:
      return shape{0, 0, 0, 0};
    case request::set_features:
    case request::set_protocol_features:
      return shape{8, 8, 0, 0};
    case request::set_mem_table:
      return shape{8, sizeof(memory_table), 0, most_regions};
    case request::set_vring_addr:
      return shape{sizeof(vring_addresses), sizeof(vring_addresses), 0, 0};
    case request::set_vring_num:
    case request::set_vring_base:
    case request::get_vring_base:
    case request::set_vring_enable:
      return shape{sizeof(vring_state), sizeof(vring_state), 0, 0};
    case request::set_vring_kick:
    case request::set_vring_call:
    case request::set_vring_err:
      return shape{8, 8, 0, 1};
    case request::set_backend_req_fd:
      return shape{0, 0, 1, 1};
    case request::get_config:
      return shape{config_head, sizeof(config_space), 0, 0};
  }
  return {};
}

}  // namespace vhost_user
