// Passes records of random sizes with 0 to 8 descriptors each from one process to another, over a socket whose send
// buffer changes all the time, so that packets are cut anywhere; the receiver checks every byte, and every descriptor
// by its inode. usage: soak_records stream|seqpacket RECORDS [SEED]
#include "support/descriptor_table.hpp"
#include "support/process.hpp"

#include <scm/frame.hpp>

#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

using namespace scm;

namespace {

constexpr record_bounds bounds{
    .record_bytes = 1 << 20, .record_descriptors = 8, .queued_bytes = 1 << 22, .queued_descriptors = 2000};
constexpr std::size_t files = 64;
constexpr std::size_t most_bytes = 200'000;

using random_source = std::minstd_rand;

[[noreturn]] void fail(const char* what, std::error_code why = {}) {
  std::fprintf(stderr, "soak_records: %s%s%s\n", what, why ? ": " : "", why ? why.message().c_str() : "");
  std::exit(1);
}

// What record `number` is: both sides know.
struct plan {
  std::size_t size;
  std::uint64_t first_byte;
  std::vector<std::size_t> which;

  plan(std::uint64_t number, std::uint64_t seed) {
    random_source random{static_cast<random_source::result_type>((number + 1) * 2654435761U + seed)};
    random.discard(3);
    // Mostly small, some empty, one of a few thousand larger than a packet.
    const auto kind = random() % 4096;
    size = kind == 0 ? random() % most_bytes : kind < 64 ? random() % 4096 : random() % 128;
    first_byte = random() % most_bytes;
    which.resize(random() % 9);
    for (std::size_t& one : which) one = random() % files;
  }
};

std::vector<std::byte> noise() {
  std::vector<std::byte> bytes(2 * most_bytes);
  random_source random{7};
  for (std::byte& each : bytes) each = static_cast<std::byte>(random());
  return bytes;
}

void wait_for(const record_channel& at, short events) {
  pollfd one{at.fd().native_handle(), events, 0};
  ::poll(&one, 1, 1000);
}

void send_all(record_channel& to, std::uint64_t records, std::uint64_t seed, std::span<const owned_fd> pool) {
  const auto bytes = noise();
  random_source random{static_cast<random_source::result_type>(seed + 1)};
  std::array<borrowed_fd, 8> lent{borrowed_fd{-1}, borrowed_fd{-1}, borrowed_fd{-1}, borrowed_fd{-1},
                                  borrowed_fd{-1}, borrowed_fd{-1}, borrowed_fd{-1}, borrowed_fd{-1}};
  for (std::uint64_t number = 0; number != records;) {
    if (random() % 512 == 0) {
      // A seqpacket message must fit; the kernel doubles the number.
      const int least = to.type() == socket_type::stream ? 0 : 40'000;
      const int size = least + static_cast<int>(random() % 160'000);
      ::setsockopt(to.fd().native_handle(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    const plan now{number, seed};
    const const_buffer data{bytes.data() + now.first_byte, now.size};
    for (std::size_t i = 0; i != now.which.size(); ++i) lent[i] = pool[now.which[i]];
    const auto with = std::span<const borrowed_fd>{lent}.first(now.which.size());

    result<void> sent;
    if (random() % 4 == 0) {
      const deadline until = random() % 2 == 0 ? dont_wait : no_deadline;
      sent = to.send(data, with, until);
    } else {
      descriptor_list owned;
      for (const borrowed_fd one : with) {
        auto copy = duplicate(one);
        if (!copy || !owned.adopt(std::move(*copy))) fail("duplicate");
      }
      sent = to.queue(data, std::move(owned));
    }
    if (sent) {
      ++number;
    } else if (sent.error() == std::errc::resource_unavailable_try_again) {
      wait_for(to, POLLOUT);
      (void)to.flush(dont_wait);
    } else {
      fail("send", sent.error());
    }
  }
  if (const auto flushed = to.flush(); !flushed) fail("flush", flushed.error());
}

// Returns how many descriptors came.
std::uint64_t receive_all(record_channel& from, std::uint64_t records, std::uint64_t seed,
                          std::span<const ino_t> inodes) {
  const auto bytes = noise();
  std::uint64_t descriptors = 0;
  for (std::uint64_t number = 0; number != records;) {
    const auto got = from.receive({.until = in(std::chrono::minutes{2})});
    if (!got && got.error() == errc::abandoned) continue;  // a large one that met a full socket; it comes again
    if (!got) fail("receive", got.error().code);
    const plan expected{number, seed};
    if (got->bytes.size() != expected.size ||
        std::memcmp(got->bytes.data(), bytes.data() + expected.first_byte, expected.size) != 0) {
      fail("other bytes than were sent");
    }
    if (got->descriptors.size() != expected.which.size()) fail("another number of descriptors");
    for (std::size_t i = 0; i != expected.which.size(); ++i) {
      struct stat status{};
      if (::fstat(got->descriptors[i].native_handle(), &status) != 0) fail("a descriptor is not open");
      if (status.st_ino != inodes[expected.which[i]]) fail("another descriptor than was sent");
    }
    descriptors += expected.which.size();
    if (++number % 1'000'000 == 0) std::printf("%" PRIu64 " records\n", number);
  }
  if (const auto end = from.receive(); end || end.error() != errc::end_of_file) fail("something after the last record");
  return descriptors;
}

template <class Channel>
void run(std::uint64_t records, std::uint64_t seed) {
  std::vector<owned_fd> pool;
  std::vector<ino_t> inodes;
  for (std::size_t i = 0; i != files; ++i) {
    pool.emplace_back(::memfd_create("soak", MFD_CLOEXEC));
    struct stat status{};
    if (::fstat(pool.back().native_handle(), &status) != 0) fail("memfd_create");
    inodes.push_back(status.st_ino);
  }
  auto ends = Channel::pair().value();
  auto left = record_channel::make(std::move(ends.first), bounds).value();
  auto right = record_channel::make(std::move(ends.second), bounds).value();
  test::child sender{[&] {
    {
      const auto gone = std::move(right);
    }
    const auto before = test::descriptor_table::now();
    send_all(left, records, seed, pool);
    return test::descriptor_table::now() == before;
  }};
  {
    const auto gone = std::move(left);
  }
  pool.clear();
  const auto before = test::descriptor_table::now();
  const std::uint64_t descriptors = receive_all(right, records, seed, inodes);
  if (test::descriptor_table::now() != before) fail("descriptors stayed open in the receiver");
  if (!sender.succeeded()) fail("the sender failed, or descriptors stayed open there");
  std::printf("%" PRIu64 " records with %" PRIu64 " descriptors: each one as it was sent\n", records, descriptors);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view type = argc > 1 ? argv[1] : "";
  const std::uint64_t records = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const std::uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  if (records == 0 || (type != "stream" && type != "seqpacket")) {
    std::fprintf(stderr, "usage: soak_records stream|seqpacket RECORDS [SEED]\n");
    return 2;
  }
  type == "stream" ? run<stream>(records, seed) : run<seqpacket>(records, seed);
  return 0;
}
