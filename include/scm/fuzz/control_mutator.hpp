/// Control data for a fuzzer: made up, changed, and crossed, message by message rather than byte by byte.
///
///     extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max, unsigned seed) {
///       return scm::fuzz::control_mutator{scm::abi::native, seed}.mutate({data, max}, size);
///     }
///
/// The same seed and bytes give the same result, as libFuzzer asks for. Nothing here throws but for want of memory.
#pragma once

#include <scm/fuzz/loose_message.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace scm::inline v0_1::fuzz {

/// Makes and changes control data. Each call goes on with the same sequence of chances.
class control_mutator {
 public:
  control_mutator(abi layout, std::uint64_t seed) noexcept : state_{seed}, layout_{layout} {}

  /// Changes the `size` bytes at the front of `room` and returns how many there are then, at most `room.size()`.
  [[nodiscard]] std::size_t mutate(std::span<std::uint8_t> room, std::size_t size) {
    auto list = take_apart(room.first(std::min(size, room.size())), layout_);
    for (std::size_t changes = 1 + below(3); changes != 0; --changes) change(list);
    return put_together(list, layout_, room);
  }

  /// The first messages of `a` and the last ones of `b`, as many bytes of it as `room` has.
  [[nodiscard]] std::size_t cross(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                                  std::span<std::uint8_t> room) noexcept {
    const auto front = a.first(boundary(a));
    const auto back = b.subspan(boundary(b));
    std::size_t size = 0;
    for (const auto& part : {front, back}) {
      const std::size_t fits = std::min(part.size(), room.size() - size);
      if (fits != 0) std::memcpy(room.data() + size, part.data(), fits);
      size += fits;
    }
    return size;
  }

  /// New control data of up to eight messages, three quarters of it without a fault.
  [[nodiscard]] std::size_t generate(std::span<std::uint8_t> room) {
    std::vector<message> list(1 + below(below(8) + 1));
    for (message& one : list) one = make();
    if (below(4) == 0) change(list);
    return put_together(list, layout_, room);
  }

 private:
  using message = loose_message;

  [[nodiscard]] std::uint64_t random() noexcept {  // splitmix64
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  [[nodiscard]] std::size_t below(std::size_t bound) noexcept { return static_cast<std::size_t>(random() % bound); }
  template <class T, std::size_t N>
  [[nodiscard]] T any_of(const std::array<T, N>& choices) noexcept {
    return choices[below(N)];
  }

  // The start of one of the messages, or the end of all that can be told apart; 0 and the size included.
  [[nodiscard]] std::size_t boundary(std::span<const std::uint8_t> bytes) noexcept {
    control_view walk{std::as_bytes(bytes), layout_};
    std::size_t at = 0;
    for (std::size_t skip = below(8); skip != 0; --skip) {
      const auto one = walk.next();
      if (!one) break;
      at = std::min(one->offset + cmsg_space(one->payload.size(), layout_), bytes.size());
    }
    return at;
  }

  [[nodiscard]] message make() {
    message one;
    one.level = below(8) == 0 ? any_of(levels) : 1;
    one.type = below(4) == 0 ? any_of(types) : any_of(std::array<std::int32_t, 3>{1, 1, 2});
    std::size_t size = one.type == 2 ? 12 : 4 * (1 + below(3));
    if (below(8) == 0) size = any_of(sizes);
    one.payload.resize(size);
    for (auto& byte : one.payload) byte = static_cast<std::uint8_t>(below(4) == 0 ? random() : below(8));
    one.length = honest_length(one);
    pad(one);
    return one;
  }

  void pad(message& one) const {
    const std::size_t size = cmsg_len(one.payload.size(), layout_);
    one.padding.assign(cmsg_align(size, layout_) - size, 0);
  }

  [[nodiscard]] std::uint64_t honest_length(const message& one) const noexcept {
    return cmsg_len(one.payload.size(), layout_);
  }

  void change(std::vector<message>& list) {
    if (list.empty() || below(8) == 0) {
      list.insert(list.begin() + static_cast<std::ptrdiff_t>(below(list.size() + 1)), make());
      return;
    }
    const std::size_t which = below(list.size());
    message& one = list[which];
    switch (below(12)) {
      case 0:
        list.insert(list.begin() + static_cast<std::ptrdiff_t>(which), message{one});
        break;
      case 1:
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(which));
        break;
      case 2:
        std::swap(one, list[below(list.size())]);
        break;
      case 3:  // a length that means something to somebody
        one.length = any_of(lengths);
        break;
      case 4:  // a length near the truth
        one.length = honest_length(one) + any_of(steps) * (below(2) == 0 ? 1 : UINT64_MAX);
        break;
      case 5:
        one.level = any_of(levels);
        break;
      case 6:
        one.type = any_of(types);
        break;
      case 7:
        one.payload.resize(any_of(sizes));
        one.length = honest_length(one);
        pad(one);
        break;
      case 8:
        if (one.padding.empty()) {
          pad(one);
        } else {
          one.padding.clear();
        }
        break;
      case 9:  // more payload than the length says, or less
        one.payload.resize(one.payload.size() + below(16) - std::min<std::size_t>(one.payload.size(), below(16)));
        pad(one);
        break;
      case 10:
        one.length = honest_length(one);
        break;
      default:
        if (!one.payload.empty()) {
          const std::size_t at = below(one.payload.size());
          const std::int32_t value = any_of(values);
          std::memcpy(one.payload.data() + at, &value, std::min<std::size_t>(4, one.payload.size() - at));
        }
        break;
    }
  }

  static constexpr std::array<std::int32_t, 8> levels{1, 0, 2, -1, 41, 270, 0x7fffffff, 256};
  static constexpr std::array<std::int32_t, 16> types{1, 2, 3, 4, 0, -1, 29, 35, 37, 61, 63, 64, 65, 84, 5, 257};
  static constexpr std::array<std::size_t, 16> sizes{0, 1, 3, 4, 5, 7, 8, 11, 12, 13, 16, 20, 128, 132, 1012, 1016};
  static constexpr std::array<std::uint64_t, 20> lengths{0,
                                                         1,
                                                         11,
                                                         12,
                                                         13,
                                                         15,
                                                         16,
                                                         17,
                                                         20,
                                                         24,
                                                         0x7fffffff,
                                                         0x80000000,
                                                         0xfffffff8,
                                                         0xfffffffd,
                                                         0xffffffff,
                                                         1ull << 32,
                                                         (1ull << 32) + 20,
                                                         1ull << 63,
                                                         UINT64_MAX - 7,
                                                         UINT64_MAX};
  static constexpr std::array<std::uint64_t, 5> steps{1, 4, 8, 12, 16};
  static constexpr std::array<std::int32_t, 10> values{-1, 0, 1, 2, -100, -13, 253, 254, 999'999'999, 0x7fffffff};

  std::uint64_t state_;
  abi layout_;
};

}  // namespace scm::inline v0_1::fuzz
