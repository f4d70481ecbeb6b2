/// Passes an open file from one end of a channel to the other, and reads it through what arrived.
#include <scm/channel.hpp>

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const scm::owned_fd file{open(argc > 1 ? argv[1] : argv[0], O_RDONLY | O_CLOEXEC)};
  auto ends = scm::seqpacket::pair();
  if (!file || !ends || !ends->first.send("here it is", {file})) return 1;

  char text[4096];
  const auto message = ends->second.receive(text, 1);  // at most one descriptor, and whole, or an error
  if (!message || message->descriptors.empty()) return 1;

  const int arrived = message->descriptors[0].native_handle();
  for (ssize_t size; (size = read(arrived, text, sizeof text)) > 0;) {
    if (write(STDOUT_FILENO, text, static_cast<std::size_t>(size)) != size) return 1;
  }
}
