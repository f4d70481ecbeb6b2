// A front end without manners, and its guest: any message with any descriptors, and any bytes in the rings.
#pragma once

#include "../../examples/vhost-user-blk/session.hpp"

#include <scm/channel.hpp>

#include <fcntl.h>
#include <linux/virtio_config.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

namespace scm::test {

namespace vu = vhost_user;

inline owned_fd opened_or_abort(int number) {
  if (number < 0) std::abort();
  return owned_fd{number};
}

inline owned_fd sized_memfd(std::size_t bytes, int seals) {
  owned_fd memory = opened_or_abort(::memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (::ftruncate(memory.native_handle(), static_cast<off_t>(bytes)) != 0) std::abort();
  if (seals != 0 && ::fcntl(memory.native_handle(), F_ADD_SEALS, seals) != 0) std::abort();
  return memory;
}

// An unlinked file of zeroes.
inline owned_fd image_file(std::size_t bytes) {
  char path[] = "/tmp/scm-test-XXXXXX";
  owned_fd file = opened_or_abort(::mkostemp(path, O_CLOEXEC));
  ::unlink(path);
  if (::ftruncate(file.native_handle(), static_cast<off_t>(bytes)) != 0) std::abort();
  return file;
}

// Memory of which the device is given the middle only; what lies around it is ours to look at.
class guest {
 public:
  static constexpr std::size_t around = 64 << 10;
  static constexpr std::size_t bytes = 256 << 10;
  static constexpr std::uint64_t base = 0x100000;          // the guest's address
  static constexpr std::uint64_t user = 0x7f00'0000'0000;  // the front end's
  static constexpr std::uint16_t entries = 16;
  static constexpr std::size_t table_at = 0, available_at = 0x1000, used_at = 0x2000;  // within the middle
  static constexpr std::byte untouched{0xa5};

  guest() : fd_{sized_memfd(around + bytes + around, F_SEAL_SHRINK | F_SEAL_GROW)} {
    void* const at =
        ::mmap(nullptr, around + bytes + around, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.native_handle(), 0);
    if (at == MAP_FAILED) std::abort();
    start_ = static_cast<std::byte*>(at);
    std::memset(start_, 0xa5, around);
    std::memset(start_ + around + bytes, 0xa5, around);
  }
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;
  ~guest() { ::munmap(start_, around + bytes + around); }

  [[nodiscard]] borrowed_fd fd() const { return fd_.get(); }
  [[nodiscard]] static constexpr vu::memory_region region() { return {base, bytes, user, around}; }
  [[nodiscard]] static constexpr vu::vring_addresses rings() {
    return {0, 0, user + table_at, user + used_at, user + available_at, 0};
  }
  [[nodiscard]] std::byte* at(std::size_t offset) { return start_ + around + offset; }
  [[nodiscard]] static constexpr std::uint64_t address(std::size_t offset) { return base + offset; }
  [[nodiscard]] bool kept_within() const {
    const auto is_ours = [](std::byte b) { return b == untouched; };
    return std::all_of(start_, start_ + around, is_ours) &&
           std::all_of(start_ + around + bytes, start_ + around + bytes + around, is_ours);
  }
  // All of the middle anew: what was done before is forgotten.
  void wipe() { std::memset(start_ + around, 0, bytes); }

  void describe(std::size_t index, const vring_desc& piece) {
    std::memcpy(at(table_at + index * sizeof piece), &piece, sizeof piece);
  }
  void offer(std::uint16_t head) {
    const std::uint16_t now = available();
    put(available_at + 4 + (now % entries) * sizeof head, head);
    put(available_at + 2, static_cast<std::uint16_t>(now + 1));
  }
  [[nodiscard]] std::uint16_t available() { return get<std::uint16_t>(available_at + 2); }
  [[nodiscard]] std::uint16_t used() { return get<std::uint16_t>(used_at + 2); }
  [[nodiscard]] vring_used_elem used_entry(std::uint16_t which) {
    return get<vring_used_elem>(used_at + 4 + (which % entries) * sizeof(vring_used_elem));
  }
  template <class T>
  void put(std::size_t offset, const T& value) {
    std::memcpy(at(offset), &value, sizeof value);
  }
  template <class T>
  [[nodiscard]] T get(std::size_t offset) {
    T value;
    std::memcpy(&value, at(offset), sizeof value);
    return value;
  }

 private:
  owned_fd fd_;
  std::byte* start_;
};

// The two ends of a connection in one process: what is sent is handled at once.
class connection {
 public:
  static constexpr std::size_t image_bytes = 64 << 10;

  explicit connection(bool read_only = false)
      : image_{image_file(image_bytes)}, disk_{*vu::disk::open(duplicate(image_).value(), read_only)} {
    auto ends = stream::pair().value();
    ours_.emplace(std::move(ends.first));
    device_.emplace(std::move(ends.second), disk_, nullptr);
  }

  [[nodiscard]] borrowed_fd image() const { return image_.get(); }
  [[nodiscard]] vu::disk& disk() { return disk_; }
  [[nodiscard]] vu::session& device() { return *device_; }
  void leave() { ours_.reset(); }

  // False when the connection is over.
  bool send(std::uint32_t request, std::uint32_t flags, std::span<const std::byte> body, borrowed_fds files = {}) {
    const vu::header head{request, flags, static_cast<std::uint32_t>(body.size())};
    const const_buffer parts[] = {{&head, sizeof head}, {body.data(), body.size()}};
    return ours_->send_all(parts, files, {.until = dont_wait}).has_value() && handle();
  }
  bool handle() {
    const auto going = device_->handle();
    why_ = going ? "" : going.error();
    return going && *going;
  }
  // Why it was over.
  [[nodiscard]] const std::string& why() const { return why_; }
  stream& ours() { return *ours_; }

  // The body of an answer, if there is one.
  std::optional<std::vector<std::byte>> answer() {
    vu::header head;
    std::array<std::byte, sizeof(vu::payload)> body;
    const auto got = ours_->try_receive(mutable_buffer{&head, sizeof head}, 0);
    if (!got || got->size != sizeof head || head.size > body.size()) return std::nullopt;
    if (head.size == 0) return std::vector<std::byte>{};
    const auto rest = ours_->try_receive(std::span{body}.first(head.size), 0);
    if (!rest || rest->size != head.size) return std::nullopt;
    return std::vector<std::byte>{body.begin(), body.begin() + head.size};
  }

 private:
  owned_fd image_;
  vu::disk disk_;
  std::optional<stream> ours_;
  std::optional<vu::session> device_;
  std::string why_;
};

template <class T>
std::span<const std::byte> raw(const T& value) {
  return std::as_bytes(std::span{&value, 1});
}

}  // namespace scm::test
