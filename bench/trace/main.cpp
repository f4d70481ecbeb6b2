/// What it costs a program that its messages are shown, by `scm trace` and by strace: a byte sent and received, alone
/// and with a descriptor. Each runs in turn, so that all have the same machine. usage: scm_bench_trace SCM [ROUNDS]
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int calls = 400;  // of one program: short, so that few of them are interrupted

void need(bool done, const char* what) {
  if (done) return;
  std::fprintf(stderr, "scm_bench_trace: %s failed\n", what);
  std::_Exit(1);
}

// The program that is watched: prints how many microseconds a call took.
[[noreturn]] void exchange(bool with_descriptor) {
  int ends[2];
  need(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0, "socketpair");
  char byte = 'x';
  iovec buffer{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &buffer;
  message.msg_iovlen = 1;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i != calls / 2; ++i) {
    if (with_descriptor) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* const rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(rights), ends, sizeof(int));
    }
    need(::sendmsg(ends[0], &message, 0) == 1, "sendmsg");
    need(::recvmsg(ends[1], &message, 0) == 1, "recvmsg");
    if (!with_descriptor) continue;
    int came = -1;
    std::memcpy(&came, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof came);
    ::close(came);
  }
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  std::printf("%f\n", took.count() / calls);
  std::fflush(stdout);
  std::_Exit(0);
}

struct way {
  std::string name;
  std::string words;
  std::vector<double> took{};

  void run() {
    std::FILE* const out = ::popen(words.c_str(), "r");
    need(out != nullptr, "popen");
    double each = 0;
    need(std::fscanf(out, "%lf", &each) == 1, words.c_str());
    need(::pclose(out) == 0, words.c_str());
    took.push_back(each);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--exchange" || first == "--pass") exchange(first == "--pass");
  need(argc > 1, "usage: scm_bench_trace SCM [ROUNDS]");
  const int rounds = argc > 2 ? std::max(std::atoi(argv[2]), 1) : 100;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string trace = std::string{first} + " trace -o /dev/null -- " + self;
  const std::string strace = "strace -f --seccomp-bpf -e trace=sendmsg,recvmsg -o /dev/null ";
  std::vector<way> ways;
  for (const std::string with : {" --exchange", " --pass"}) {
    const std::string what = with == " --pass" ? ", a descriptor in each" : "";
    ways.push_back({"not watched" + what, self + with});
    ways.push_back({"scm trace" + what, trace + with});
    ways.push_back({"strace" + what, strace + self + with});
    ways.push_back({"strace -yy" + what, strace + "-yy " + self + with});
  }
  for (int i = 0; i != rounds; ++i) {
    for (way& one : ways) one.run();
  }
  std::printf("us a call, of %d programs each with %d calls\n%-34s %8s %8s\n", rounds, calls, "", "least", "median");
  for (way& one : ways) {
    std::ranges::sort(one.took);
    std::printf("%-34s %8.2f %8.2f\n", one.name.c_str(), one.took.front(), one.took[one.took.size() / 2]);
  }
}
