/// Uses a vhost-user block device from the command line: what a virtual machine would do, without one.
#include "front_end.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <random>
#include <string_view>

namespace {

using namespace vhost_user;

constexpr char usage[] =
    "usage: vhost-user-blk-client SOCKET info\n"
    "       vhost-user-blk-client SOCKET read SECTOR COUNT    sectors of 512 bytes, to standard output\n"
    "       vhost-user-blk-client SOCKET write SECTOR         from standard input, whole sectors\n"
    "       vhost-user-blk-client SOCKET bench READS DEPTH    4 KiB each, anywhere, DEPTH at a time (1 to 32)\n";

bool read_number(std::string_view text, std::uint64_t& value) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

answer<> info(front_end& device) {
  if (const auto done = device.ask(VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES); !done) return done;
  const auto* const name = reinterpret_cast<const char*>(device.data(0).data());
  const std::uint64_t sectors = device.config().capacity;
  fmt::print("{} sectors, {}\n", sectors, std::string_view{name, strnlen(name, VIRTIO_BLK_ID_BYTES)});
  return {};
}

answer<> read(front_end& device, std::uint64_t sector, std::uint64_t count) {
  while (count != 0) {
    const std::uint64_t some = std::min<std::uint64_t>(count, front_end::slot_bytes / front_end::sector_bytes);
    const auto bytes = static_cast<std::size_t>(some * front_end::sector_bytes);
    if (const auto done = device.ask(VIRTIO_BLK_T_IN, sector, bytes); !done) return done;
    if (std::fwrite(device.data(0).data(), 1, bytes, stdout) != bytes) return std::unexpected{"standard output"};
    sector += some;
    count -= some;
  }
  return {};
}

answer<> write(front_end& device, std::uint64_t sector) {
  for (;;) {
    const std::size_t bytes = std::fread(device.data(0).data(), 1, front_end::slot_bytes, stdin);
    if (bytes % front_end::sector_bytes != 0) return std::unexpected{"standard input ends within a sector"};
    if (bytes == 0) return device.ask(VIRTIO_BLK_T_FLUSH, 0, 0);
    if (const auto done = device.ask(VIRTIO_BLK_T_OUT, sector, bytes); !done) return done;
    sector += bytes / front_end::sector_bytes;
  }
}

answer<> bench(front_end& device, std::uint64_t reads, std::uint16_t depth) {
  constexpr std::size_t bytes = 4096;
  constexpr std::uint64_t sectors = bytes / front_end::sector_bytes;
  if (device.config().capacity < sectors) return std::unexpected{"the device is too small"};
  std::minstd_rand any{1};
  std::uniform_int_distribution<std::uint64_t> place{0, device.config().capacity / sectors - 1};
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t submitted = 0;
  for (; submitted != std::min<std::uint64_t>(depth, reads); ++submitted) {
    device.submit(static_cast<std::uint16_t>(submitted), VIRTIO_BLK_T_IN, place(any) * sectors, bytes);
  }
  for (std::uint64_t done = 0; done != reads; ++done) {
    if (const auto told = device.kick(); !told) return told;
    const auto slot = device.wait();
    if (!slot) return std::unexpected{slot.error()};
    if (submitted == reads) continue;
    device.submit(*slot, VIRTIO_BLK_T_IN, place(any) * sectors, bytes);
    ++submitted;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print("{:.0f} reads a second\n", static_cast<double>(reads) / took.count());
  return {};
}

int fail(std::string_view why) {
  fmt::print(stderr, "vhost-user-blk-client: {}\n", why);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span words{argv, static_cast<std::size_t>(argc)};
  const std::string_view command = argc > 2 ? argv[2] : "";
  const std::size_t numbers = command == "info" ? 0 : command == "write" ? 1 : 2;
  bool right = words.size() == 3 + numbers &&
               (command == "info" || command == "read" || command == "write" || command == "bench");
  std::uint64_t first = 0, second = 0;
  if (right && numbers > 0) right = read_number(words[3], first);
  if (right && numbers > 1) right = read_number(words[4], second);
  if (!right || (command == "bench" && (second < 1 || second > front_end::slots))) {
    fmt::print(stderr, "{}", usage);
    return 2;
  }
  const auto at = scm::address::path(words[1]);
  if (!at) return fail(at.error().message());
  auto device = front_end::connect(*at);
  if (!device) return fail(device.error());
  answer<> done;
  if (command == "info") done = info(*device);
  if (command == "read") done = read(*device, first, second);
  if (command == "write") done = write(*device, first);
  if (command == "bench") done = bench(*device, first, static_cast<std::uint16_t>(second));
  return done ? 0 : fail(done.error());
}
