/// Passes the files it is given, as many as there are to a system call, and prints the size of each that arrived.
#include <scm/batch.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <vector>

int main(int argc, char** argv) {
  auto ends = scm::seqpacket::pair();
  auto out = scm::send_batch::make(32, 1);          // messages, and descriptors of each
  auto in = scm::receive_batch::make(32, 4096, 1);  // and bytes of each
  if (!ends || !out || !in) return 1;

  for (int from = 0; from < argc; from += 32) {
    const int to = std::min(argc, from + 32);
    std::vector<scm::owned_fd> files;  // lent until they are sent
    for (int i = from; i != to; ++i) {
      files.emplace_back(open(argv[i], O_RDONLY | O_CLOEXEC));
      if (files.back() && !out->add(argv[i], files.back().get())) return 1;
    }
    while (!out->empty()) {
      if (!out->send(ends->first)) return 1;  // an error is that of the first message that is left
    }
    while (in->try_receive(ends->second)) {
      for (const scm::received& one : *in) {
        struct stat status{};
        if (one.loss || fstat(one.content.descriptors[0].native_handle(), &status) != 0) return 1;
        std::printf("%.*s: %lld bytes\n", static_cast<int>(one.bytes.size()),
                    reinterpret_cast<const char*>(one.bytes.data()), static_cast<long long>(status.st_size));
      }
    }
  }
}
