// A fuzz harness for somebody else's parser of control data, made of the fuzz kit: it counts descriptors by hand, and
// is compared with what the kernel would take. Build with libFuzzer:
//   clang++-19 -std=c++23 -fsanitize=fuzzer,address -DSCM_LIBFUZZER fuzz_a_parser.cpp -lscm
// As it stands it has a main() that runs a few generated inputs.
#include <scm/fuzz.hpp>

#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

// What is put to the test.
std::size_t count_descriptors(std::span<const std::byte> control) {
  msghdr message{};
  message.msg_control = const_cast<std::byte*>(control.data());
  message.msg_controllen = control.size();
  std::size_t count = 0;
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_RIGHTS)
      count += (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  }
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::byte> control{std::as_bytes(std::span{data, size}).begin(),
                                       std::as_bytes(std::span{data, size}).end()};
  const auto verdict = scm::fuzz::judge_send(
      control, scm::abi::native, scm::fuzz::sender::self(), [](int) { return 0; }, [](pid_t) { return true; },
      [](uid_t, gid_t) { return true; });
  if (verdict.error == 0 && count_descriptors(control) != verdict.descriptors) std::abort();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed) {
  return scm::fuzz::control_mutator{scm::abi::native, seed}.mutate({data, max}, size);
}

#ifndef SCM_LIBFUZZER
int main() {
  std::vector<std::uint8_t> room(256);
  for (unsigned seed = 0; seed != 10'000; ++seed) {
    const std::size_t size = scm::fuzz::control_mutator{scm::abi::native, seed}.generate(room);
    LLVMFuzzerTestOneInput(room.data(), size);
  }
  std::puts("10000 inputs, no difference");
  return 0;
}
#endif
