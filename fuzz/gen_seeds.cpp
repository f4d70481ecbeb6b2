// Writes the seeds of the fuzz targets: `fuzz_seeds DIRECTORY` fills DIRECTORY/<target>/ with small named files.
#include "../tests/support/bytes.hpp"

#include <scm/core/control_buffer.hpp>

#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using scm::abi;
using scm::test::control_bytes;

class folder {
 public:
  folder(const fs::path& root, std::string_view target) : path_{root / target} { fs::create_directories(path_); }

  void write(const std::string& name, std::span<const std::byte> bytes) const {
    std::ofstream out{path_ / name, std::ios::binary | std::ios::trunc};
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) throw fs::filesystem_error{"write", path_ / name, std::make_error_code(std::errc::io_error)};
  }

 private:
  fs::path path_;
};

// --- control_view: what the kernel writes, and what breaks it
// ---------------------------------------------------------

class view_seeds {
 public:
  view_seeds(const folder& into, abi layout) : into_{into}, layout_{layout} {}

  void write() {
    for (const int count : {1, 2, 3, 32, 33, 253}) save("rights_" + std::to_string(count), rights(start(), count));
    save("credentials", credentials(start()));
    save("pidfd", pidfd(start()));
    save("pidfd_refused", start().message(SOL_SOCKET, 4, {-24}).pad());
    save("rights_refused", start().message(SOL_SOCKET, SCM_RIGHTS, {5, -13, 6}).pad());
    save("label", label(start()));
    save("queued", queued(start()));
    for (const int type : {29, 35, 63, 64}) save("time_" + std::to_string(type), time(start(), type));
    // In the kernel's order (fact E1).
    save("all_stream", queued(pidfd(rights(label(credentials(start())), 3))));
    save("all_packet", pidfd(rights(label(credentials(time(start(), 35))), 3)));
    save("unknown_levels", start().message(-1, 0, {1}).pad().message(41, 50, {1, 2, 3, 4, 5}).pad());
    save("no_payload", start().message(1, 1, {}).message(0, 0, {}));
    save("unpadded_last", credentials(start()).message(SOL_SOCKET, SCM_RIGHTS, std::as_bytes(std::span{"12345"})));
    save("trailing_bytes", credentials(start()).fill(11, 0xff));
    cut_short();
    bad_lengths();
  }

 private:
  control_bytes start() const { return control_bytes{layout_}; }
  control_bytes rights(control_bytes bytes, int count) const {
    bytes.header(header() + 4 * static_cast<std::size_t>(count), SOL_SOCKET, SCM_RIGHTS);
    for (int i = 0; i != count; ++i) bytes.integer(3 + i);
    return bytes.pad();
  }
  static control_bytes credentials(control_bytes bytes) {
    return bytes.message(SOL_SOCKET, SCM_CREDENTIALS, {4321, 1000, 100}).pad();
  }
  static control_bytes pidfd(control_bytes bytes) { return bytes.message(SOL_SOCKET, 4, {9}).pad(); }
  static control_bytes queued(control_bytes bytes) { return bytes.message(SOL_SOCKET, 84, {512}).pad(); }
  static control_bytes label(control_bytes bytes) {
    return bytes.message(SOL_SOCKET, 3, std::as_bytes(std::span{"unconfined_u:unconfined_r:unconfined_t:s0"})).pad();
  }
  control_bytes time(control_bytes bytes, int type) const {
    const bool wide = layout_ == abi::lp64 || type >= 63;
    bytes.header(header() + (wide ? 16 : 8), SOL_SOCKET, type);
    if (wide) return bytes.integer(std::int64_t{1'700'000'000}).integer(std::int64_t{999'999}).pad();
    return bytes.integer(1'700'000'000).integer(999'999).pad();
  }

  void cut_short() {
    const control_bytes whole = pidfd(rights(credentials(start()), 2));
    for (std::size_t size = 1; size < whole.size(); size += 5) {
      save("cut_" + std::to_string(size), control_bytes{whole}.cut(size));
    }
  }

  void bad_lengths() {
    constexpr std::pair<const char*, std::uint64_t> lengths[]{{"0", 0},
                                                              {"1", 1},
                                                              {"11", 11},
                                                              {"12", 12},
                                                              {"15", 15},
                                                              {"16", 16},
                                                              {"17", 17},
                                                              {"left", 40},
                                                              {"left_1", 41},
                                                              {"int_max", 0x7fffffff},
                                                              {"2_31", 0x80000000},
                                                              {"2_32_1", 0xffffffff},
                                                              {"2_32", 1ull << 32},
                                                              {"2_32_20", (1ull << 32) + 20},
                                                              {"max_7", UINT64_MAX - 7},
                                                              {"max", UINT64_MAX}};
    for (const auto& [name, length] : lengths) {
      save(std::string{"length_"} + name,
           credentials(start()).header(length, SOL_SOCKET, SCM_RIGHTS).fill(40 - header()));
    }
  }

  std::size_t header() const { return scm::test::layout_of(layout_).header; }

  void save(const std::string& name, const control_bytes& control) {
    const unsigned prefix = count_ % 8, shift = count_ % 16;
    ++count_;
    const auto first = static_cast<std::uint8_t>(shift | (layout_ == abi::ilp32 ? 16u : 0u) | prefix << 5);
    std::vector<std::byte> bytes{std::byte{first}};
    bytes.insert(bytes.end(), control.view().begin(), control.view().end());
    into_.write((layout_ == abi::lp64 ? "lp64_" : "ilp32_") + name, bytes);
  }

  const folder& into_;
  abi layout_;
  unsigned count_ = 0;
};

// --- control_buffer: programs of appends -----------------------------------------------------------------------------

void write_buffer_seeds(const folder& into) {
  using program = std::vector<int>;
  const program credentials{2, 1, 0, 0, 0, 0xe8, 3, 0, 0, 100, 0, 0, 0}, clear{6}, move{7};
  const auto rights = [](int count) { return program{0, count, 3}; };
  const auto raw = [](int level, int type, int size, int fill) {
    return program{3, level, type, size & 255, size >> 8, fill};
  };
  const auto raw_rights = [](int size) { return program{5, size & 255, size >> 8, 7}; };
  const auto all = [](std::initializer_list<program> parts) {
    program joined;
    for (const program& part : parts) joined.insert(joined.end(), part.begin(), part.end());
    return joined;
  };
  const std::pair<const char*, program> programs[]{
      {"rights_0", rights(0)},
      {"rights_1", rights(1)},
      {"rights_2", rights(2)},
      {"rights_32", rights(32)},
      {"rights_33", rights(33)},
      {"rights_253", rights(253)},
      {"rights_254", rights(254)},
      {"rights_200_54_53", all({rights(200), rights(54), rights(53), rights(1)})},
      {"raw_rights_over", all({rights(250), raw_rights(15), raw_rights(16), raw_rights(3)})},
      {"raw_rights_odd", all({raw_rights(5), raw_rights(0), raw_rights(1015)})},
      {"credentials", credentials},
      {"credentials_twice", all({credentials, credentials})},
      {"everything", all({credentials, rights(3), raw(1, 4, 4, 9), raw(1, 84, 4, 0), raw(1, 3, 256, 'l')})},
      {"full_inline",
       all({rights(32), credentials, raw(1, 3, 256, 'l'), raw(1, 4, 4, 9), raw(1, 84, 4, 1), raw(1, 35, 16, 2)})},
      {"full_and_one", all({rights(32), credentials, raw(1, 3, 256, 'l'), raw(1, 4, 4, 9), raw(1, 84, 4, 1),
                            raw(1, 35, 16, 2), raw(9, 9, 0, 0)})},
      {"payloads",
       all({raw(0, 0, 0, 0), raw(0, 0, 1, 255), raw(41, 50, 7, 255), raw(-1, -1, 8, 255), raw(1, 2, 9, 255)})},
      {"large", all({raw(1, 99, 1199, 255), raw(1, 99, 1199, 1), raw(1, 99, 3, 255)})},
      {"clear", all({rights(253), clear, rights(253), clear, credentials})},
      {"move_inline", all({rights(3), move, rights(3), move})},
      {"move_heap", all({rights(200), move, rights(53), move, rights(1), clear, move, rights(1)})},
      {"truncated_operands", all({credentials, {2, 1, 0}})},
  };
  for (const auto& [name, steps] : programs) {
    for (const int layout : {0, 1}) {
      std::vector<std::byte> bytes{static_cast<std::byte>(layout)};
      for (const int value : steps) bytes.push_back(static_cast<std::byte>(value & 255));
      into.write((layout == 0 ? "lp64_" : "ilp32_") + std::string{name}, bytes);
    }
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const folder view{argv[1], "fuzz_control_view"};
  for (const abi layout : scm::test::both_layouts) view_seeds{view, layout}.write();
  write_buffer_seeds(folder{argv[1], "fuzz_control_buffer"});
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
