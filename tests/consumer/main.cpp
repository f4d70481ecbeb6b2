// A user's program: passes a file over a seqpacket pair and checks by its inode that it is the one that arrived.
#include <scm/channel.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdio>

int main() {
  const scm::owned_fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  auto pair = scm::seqpacket::pair();
  if (!file || !pair) return 1;
  auto& [left, right] = *pair;

  if (!left.send("hello", {file})) return 2;
  std::array<std::byte, 64> buffer;
  const auto message = right.receive(buffer, 1);
  if (!message || message->size != 5 || message->descriptors.size() != 1) return 3;

  struct stat sent{}, received{};
  if (::fstat(file.native_handle(), &sent) != 0) return 4;
  if (::fstat(message->descriptors[0].native_handle(), &received) != 0) return 5;
  if (sent.st_dev != received.st_dev || sent.st_ino != received.st_ino) return 6;
  if (message->descriptors[0].native_handle() == file.native_handle()) return 7;
  std::puts("passed a descriptor");
}
