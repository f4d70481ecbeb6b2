// A program that does one thing wrong on purpose: `valgrind_selftest FAULT`; valgrind.sh says what each must cause.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

void receive_a_descriptor(int from) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  char byte;
  iovec data{&byte, 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1) std::abort();
}

// With `padding` as the memory had it.
void send_a_descriptor(int to, bool clear) {
  auto* const control = static_cast<char*>(std::malloc(CMSG_SPACE(sizeof(int))));
  if (clear) std::memset(control, 0, CMSG_SPACE(sizeof(int)));
  char byte = 'x';
  iovec data{&byte, 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int));
  auto* const header = reinterpret_cast<cmsghdr*>(control);
  header->cmsg_len = CMSG_LEN(sizeof(int));
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  std::memcpy(CMSG_DATA(header), &to, sizeof to);
  if (::sendmsg(to, &message, 0) != 1) std::abort();
  std::free(control);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view fault = argc > 1 ? argv[1] : "";
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return 2;
  if (fault == "open") (void)::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fault == "received") {
    send_a_descriptor(ends[0], true);
    receive_a_descriptor(ends[1]);
  }
  if (fault == "undefined") send_a_descriptor(ends[0], false);
  if (fault == "lost") *static_cast<char* volatile*>(std::malloc(sizeof(char*))) = nullptr;
  if (fault == "child") {  // nothing wrong: it ends with what it inherited
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
  }
  ::close(ends[0]);
  ::close(ends[1]);
}
