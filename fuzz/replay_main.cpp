// main() of a fuzz target without libFuzzer: runs its body once over each file, and over each file of each directory;
// then over `--changed N` inputs made from these by a fixed sequence of changes, the same ones on every machine.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" [[gnu::weak]] int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" [[gnu::weak]] std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max,
                                                             unsigned seed);

namespace {

namespace fs = std::filesystem;

using input = std::vector<std::uint8_t>;

input read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    throw std::runtime_error("cannot read " + file.string());
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

void run(const std::string& name, const input& bytes) {
  std::printf("%s\n", name.c_str());
  std::fflush(stdout);  // the last line printed names the input that brought the process down
  // In a block of exactly its size, so that a sanitizer sees the first byte read past the end.
  const input exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

// A few bytes of it changed, put in or taken out; or whatever the target's own mutator does.
input changed(input bytes, std::minstd_rand& random) {
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random()) % bound; };
  if (LLVMFuzzerCustomMutator != nullptr && below(4) != 0) {
    const std::size_t size = bytes.size();
    bytes.resize(size + 256);
    bytes.resize(LLVMFuzzerCustomMutator(bytes.data(), size, bytes.size(), static_cast<unsigned>(random())));
    return bytes;
  }
  for (std::size_t times = 1 + below(6); times != 0; --times) {
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size() + 1));
    const auto byte = static_cast<std::uint8_t>(below(3) == 0 ? below(256) : below(32));
    if (at == bytes.end() || below(3) == 0) {
      bytes.insert(at, byte);
    } else if (below(3) == 0) {
      bytes.erase(at);
    } else {
      *at = byte;
    }
  }
  return bytes;
}

// A directory without files is an error: it means that a corpus is missing, not that it has passed.
std::vector<fs::path> files_of(const fs::path& argument) {
  if (!fs::is_directory(argument)) {
    return {argument};
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(argument)) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  if (files.empty()) {
    throw std::runtime_error("no file in " + argument.string());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

int main(int argc, char** argv) try {
  if (LLVMFuzzerInitialize != nullptr) {
    LLVMFuzzerInitialize(&argc, &argv);
  }
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FILE-OR-DIRECTORY… [--changed N]\n", argv[0]);
    return 2;
  }
  std::size_t changes = 0;
  std::vector<input> inputs;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view{argv[i]} == "--changed" && i + 1 < argc) {
      changes = std::stoul(argv[++i]);
      continue;
    }
    for (const auto& file : files_of(argv[i])) {
      inputs.push_back(read(file));
      run(file.string(), inputs.back());
    }
  }
  std::minstd_rand random;
  for (std::size_t i = 0; i != changes && !inputs.empty(); ++i) {
    run("changed " + std::to_string(i), changed(inputs[i % inputs.size()], random));
  }
  std::printf("replayed %zu inputs and %zu changed ones\n", inputs.size(), changes);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
