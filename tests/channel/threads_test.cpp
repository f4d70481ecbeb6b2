// One thread sends while another receives; and a fork in the middle inherits nothing.
#include "support/catch.hpp"
#include "support/kinds.hpp"

#include <scm/channel.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>

using namespace scm;

TEMPLATE_TEST_CASE("one thread may send while another receives, both ways", "[threads]", stream, datagram, seqpacket) {
  constexpr std::uint32_t rounds = 2000;
  auto [left, right] = TestType::pair().value();
  const owned_fd file = test::scratch_file();

  const auto send = [&](channel& end) {
    for (std::uint32_t i = 0; i != rounds; ++i) {
      std::array<std::byte, 4> number;
      std::memcpy(number.data(), &i, sizeof i);
      if (!end.send(number, {file})) return false;
    }
    return true;
  };
  const auto receive = [&](channel& end) {
    for (std::uint32_t i = 0; i != rounds; ++i) {
      std::uint32_t number = 0;
      std::array<std::byte, 4> bytes;
      const auto got = end.receive(bytes, 1);
      if (!got || got->size != 4 || got->descriptors.size() != 1) return false;
      std::memcpy(&number, bytes.data(), sizeof number);
      if (number != i) return false;
    }
    return true;
  };
  std::atomic<int> done = 0;
  std::thread threads[] = {std::thread{[&, &end = left] { done += send(end) ? 1 : 0; }},
                           std::thread{[&, &end = left] { done += receive(end) ? 1 : 0; }},
                           std::thread{[&, &end = right] { done += send(end) ? 1 : 0; }},
                           std::thread{[&, &end = right] { done += receive(end) ? 1 : 0; }}};
  for (auto& one : threads) one.join();
  CHECK(done == 4);
}

TEST_CASE("a program started by another thread while descriptors come in sees none of them", "[threads]") {
  auto [left, right] = seqpacket::pair().value();
  const owned_fd file = test::scratch_file();
  std::atomic<bool> stop = false;
  std::thread receiver{[&stop, &from = right] {
    std::array<std::byte, 8> buffer;
    while (!stop) (void)from.receive(buffer, 253, {.until = in(std::chrono::milliseconds(1))});
  }};
  std::thread sender{[&stop, &file, &to = left] {
    const std::vector<borrowed_fd> many(20, file);
    while (!stop) (void)to.send("x", many, {.until = in(std::chrono::milliseconds(1))});
  }};
  int clean = 0;
  constexpr int rounds = 200;
  for (int i = 0; i != rounds; ++i) {
    // Fails when any descriptor is the file that is being passed around.
    const char script[] = "for f in /proc/self/fd/*; do readlink $f; done | grep -q /tmp/scm-test && exit 1; exit 0";
    char* const argv[] = {const_cast<char*>("sh"), const_cast<char*>("-c"), const_cast<char*>(script), nullptr};
    pid_t pid = -1;
    REQUIRE(::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, argv, environ) == 0);
    int status = -1;
    ::waitpid(pid, &status, 0);
    clean += status == 0 ? 1 : 0;
  }
  stop = true;
  receiver.join();
  sender.join();
  CHECK(clean == rounds);
}
