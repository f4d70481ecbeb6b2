// Takes the descriptors named by its arguments and writes each one's name into it; says on its output what is wrong.
#include <scm/process.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  auto all = scm::inherited::from_environment();
  if (!all) return std::printf("%s\n", all.error().message().c_str()), 1;
  if (std::getenv("LISTEN_FDS") != nullptr || std::getenv("LISTEN_PID") != nullptr) return 3;
  for (int i = 1; i < argc; ++i) {
    const auto file = all->take(argv[i]);
    if (!file) return std::printf("%s\n", file.error().message().c_str()), 1;
    if (::write(file->native_handle(), argv[i], std::strlen(argv[i])) < 0) return 2;
  }
  return 0;
}
