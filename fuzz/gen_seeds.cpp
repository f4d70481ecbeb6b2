// Writes the seeds of the fuzz targets: `fuzz_seeds DIRECTORY` fills DIRECTORY/<target>/ with small named files.
#include "../tests/frame/packets.hpp"
#include "../tests/netlink/built.hpp"
#include "../tests/support/bytes.hpp"
#include "record_input.hpp"

#include <scm/core/control_buffer.hpp>

#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <array>
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

// --- kernel_send: control data in which small numbers stand for descriptors, processes and ids -----------------------

void write_send_seeds(const folder& into) {
  const auto rights = [](std::initializer_list<std::int32_t> slots) {
    return control_bytes{}.message(SOL_SOCKET, SCM_RIGHTS, slots).pad();
  };
  const auto many = [](int count, int last) {
    control_bytes all;
    all.header(16 + 4 * static_cast<std::size_t>(count), SOL_SOCKET, SCM_RIGHTS);
    for (int i = 1; i != count; ++i) all.integer(i % 6);
    return all.integer(last).pad();
  };
  const auto join = [](const control_bytes& a, const control_bytes& b) { return control_bytes{a}.raw(b.view()); };
  const auto claim = [](int pid, int uid, int gid) {
    return control_bytes{}.message(SOL_SOCKET, SCM_CREDENTIALS, {pid, uid, gid}).pad();
  };
  const std::pair<const char*, control_bytes> controls[]{
      {"nothing", control_bytes{}},
      {"rights_1", rights({0})},
      {"rights_all", rights({0, 1, 2, 3, 4, 5})},
      {"rights_closed", rights({0, 6})},
      {"rights_negative", rights({7})},
      {"rights_int_max", rights({8})},
      {"rights_io_uring", rights({0, 9})},
      {"rights_none", rights({})},
      {"rights_253", many(253, 0)},
      {"rights_254", many(254, 0)},
      {"rights_254_and_closed", many(254, 6)},
      {"rights_200_54", join(many(200, 0), many(54, 0))},
      {"rights_200_53", join(many(200, 0), many(53, 0))},
      {"rights_odd", control_bytes{}.message(SOL_SOCKET, SCM_RIGHTS, std::as_bytes(std::span{"\0\0\0\0\1", 5})).pad()},
      {"claim_own", claim(0, 1, 1)},
      {"claim_root", claim(0, 0, 0)},
      {"claim_nobody", claim(0, 2, 2)},
      {"claim_no_id", claim(0, 3, 0)},
      {"claim_another_id", claim(0, 4, 4)},
      {"claim_init", claim(5, 0, 0)},
      {"claim_no_process", claim(4, 0, 0)},
      {"claim_process_0", claim(2, 0, 0)},
      {"claim_twice", join(claim(5, 0, 0), claim(0, 1, 1))},
      {"claim_short", control_bytes{}.message(SOL_SOCKET, SCM_CREDENTIALS, {0, 0}).pad()},
      {"claim_and_rights", join(claim(0, 1, 1), rights({0, 1}))},
      {"rights_and_claim_closed", join(rights({6}), claim(4, 0, 0))},
      {"pidfd", control_bytes{}.message(SOL_SOCKET, 4, {0}).pad()},
      {"label", control_bytes{}.message(SOL_SOCKET, 3, {0}).pad()},
      {"type_0", control_bytes{}.message(SOL_SOCKET, 0, {0}).pad()},
      {"other_level", control_bytes{}.message(2, SCM_RIGHTS, {6}).pad()},
      {"other_level_then_rights", join(control_bytes{}.message(-1, 1, {6}).pad(), rights({0}))},
      {"trailing", rights({0}).fill(3, 0xff)},
      {"trailing_header", rights({0}).fill(16)},
      {"unpadded", control_bytes{}.message(SOL_SOCKET, SCM_RIGHTS, {0})},
      {"tiny", control_bytes{}.fill(11)},
      {"good_then_malformed", join(rights({0}), control_bytes{}.header(15, SOL_SOCKET, SCM_RIGHTS).fill(4))},
      {"closed_then_malformed", join(rights({6}), control_bytes{}.header(15, SOL_SOCKET, SCM_RIGHTS).fill(4))},
      {"length_wraps", control_bytes{}.header(UINT64_MAX - 7, SOL_SOCKET, SCM_RIGHTS).fill(8)},
      {"length_2_32", control_bytes{}.header((1ull << 32) + 20, SOL_SOCKET, SCM_RIGHTS).fill(8)},
  };
  unsigned count = 0;
  for (const auto& [name, control] : controls) {
    for (const unsigned unprivileged : {0u, 4u}) {
      std::vector<std::byte> bytes{static_cast<std::byte>(count % 3 | unprivileged | (count % 8) << 3)};
      bytes.insert(bytes.end(), control.view().begin(), control.view().end());
      into.write((unprivileged != 0 ? "nobody_" : "own_") + std::string{name}, bytes);
      ++count;
    }
  }
}

// --- receive: one scenario each --------------------------------------------------------------------------------------

void write_numbers(const folder& into, const std::string& name, std::initializer_list<int> numbers) {
  std::vector<std::byte> bytes;
  for (const int value : numbers) bytes.push_back(static_cast<std::byte>(value & 255));
  into.write(name, bytes);
}

void write_receive_seeds(const folder& into) {
  constexpr int all = 255;
  const char* const types[]{"stream", "datagram", "seqpacket"};
  for (int type = 0; type != 3; ++type) {
    const std::string name = types[type];
    // type, how, items, descriptors, payload, room, control (2), max, free
    write_numbers(into, name + "_raw", {type, 4, 0, 2, 8, 32, 0, 1, 0, all});
    write_numbers(into, name + "_raw_room_for_one", {type, 0, 0, 2, 8, 32, 24, 0, 0, all});
    write_numbers(into, name + "_raw_no_room", {type, 4, 0, 3, 8, 32, 0, 0, 0, all});
    write_numbers(into, name + "_raw_odd_room", {type, 4, 0, 5, 8, 32, 37, 0, 0, all});
    write_numbers(into, name + "_raw_everything", {type, 4, 15, 3, 8, 4, 0, 1, 0, all});
    write_numbers(into, name + "_raw_everything_short", {type, 4, 15, 3, 8, 4, 60, 0, 0, all});
    write_numbers(into, name + "_raw_full_table", {type, 4, 2, 3, 8, 32, 0, 1, 0, 0});
    write_numbers(into, name + "_raw_two_slots", {type, 4, 2, 3, 8, 32, 0, 1, 0, 2});
    write_numbers(into, name + "_peek", {type, 4 | 8 | 16 | 32, 3, 2, 8, 4, 0, 1, 0, all});
    write_numbers(into, name + "_253", {type, 4, 0, 253, 8, 8, 0xa0, 4, 0, all});
    write_numbers(into, name + "_whole", {type, 1, 15, 2, 8, 32, 0, 0, 3, all});
    write_numbers(into, name + "_surplus_in_padding", {type, 1, 0, 2, 8, 32, 0, 0, 1, all});
    write_numbers(into, name + "_surplus", {type, 1, 0, 5, 8, 32, 0, 0, 3, all});
    write_numbers(into, name + "_refused_pidfd", {type, 1, 2, 2, 8, 32, 0, 0, 3, 2});
    write_numbers(into, name + "_lost", {type, 1, 3, 4, 8, 32, 0, 0, 9, 2});
    write_numbers(into, name + "_cut", {type, 1, 1, 1, 20, 8, 0, 0, 3, all});
    write_numbers(into, name + "_partial", {type, 2, 3, 4, 20, 8, 0, 0, 2, all});
    write_numbers(into, name + "_partial_lost", {type, 2, 15, 4, 20, 8, 0, 0, 4, 1});
    write_numbers(into, name + "_max_253", {type, 1, 0, 253, 1, 8, 0, 0, 253, all});
    write_numbers(into, name + "_empty", {type, 1, 0, 1, 0, 8, 0, 0, 3, all});
  }
}

// --- channel_sequence: programs of operations; 16 is added for the other end -----------------------------------------

void write_sequence_seeds(const folder& into) {
  const char* const types[]{"stream", "datagram", "seqpacket"};
  for (int type = 0; type != 3; ++type) {
    const std::string name = types[type];
    write_numbers(into, name + "_there_and_back", {type, 0, 5, 0, 22, 88, 2, 2, 3, 1, 22, 88, 2, 6, 88, 2});
    write_numbers(into, name + "_coalesced",
                  {type, 0, 5, 0, 2, 3, 1, 0, 7, 0, 2, 1, 0, 22, 88, 2, 22, 88, 2, 22, 88, 2});
    write_numbers(into, name + "_byte_by_byte", {type, 2, 5, 1, 24, 1, 3, 20, 24, 1, 3, 20, 24, 1, 3, 20});
    write_numbers(into, name + "_over_then_dead", {type, 2, 5, 4, 24, 7, 1, 20, 0, 3, 0, 22, 88, 2});
    write_numbers(into, name + "_partial", {type, 2, 20, 4, 25, 7, 1, 20, 22, 88, 2});
    write_numbers(into, name + "_lost", {type, 2, 5, 3, 24, 7, 5, 1, 22, 88, 2});
    write_numbers(into, name + "_half_closed", {type, 2, 5, 3, 10, 0, 1, 0, 22, 88, 2, 22, 88, 2, 16, 4, 0, 6, 88, 2});
    write_numbers(into, name + "_closed", {type, 2, 5, 3, 11, 22, 88, 2, 22, 88, 2, 16, 4, 0, 16, 4, 0});
    write_numbers(into, name + "_reset", {type, 16, 4, 0, 2, 5, 3, 11, 16, 4, 0, 22, 88, 2, 22, 88, 2});
    write_numbers(into, name + "_reset_by_empty", {type, 18, 0, 0, 11, 22, 88, 2, 22, 88, 2});
    write_numbers(into, name + "_owned", {type, 4, 3, 2, 5, 27, 4, 3, 2, 21});
    write_numbers(into, name + "_credentials", {type, 0, 3, 0, 28, 1, 2, 3, 1, 0, 3, 0, 22, 88, 2, 22, 88, 2, 28, 0});
    write_numbers(into, name + "_refused", {type, 29, 1, 2, 3, 1, 0, 3, 0, 29, 0, 2, 3, 1, 22, 88, 2, 22, 88, 2});
    write_numbers(into, name + "_cramped",
                  {type, 14, 0, 255, 1, 0, 255, 1, 0, 255, 1, 2, 63, 4, 0, 255, 1, 0, 255, 1, 22, 88, 2, 2, 63, 1});
    write_numbers(into, name + "_moved", {type, 15, 2, 5, 3, 31, 22, 88, 2});
    write_numbers(into, name + "_empty_messages", {type, 0, 0, 0, 2, 0, 1, 22, 88, 2, 22, 0, 0, 2, 9, 0, 22, 0, 0});
  }
}

// --- batch: the room of the receive batch, then a program of operations ----------------------------------------------

void write_batch_seeds(const folder& into) {
  const char* const types[]{"datagram", "seqpacket"};
  for (int type = 0; type != 2; ++type) {
    const std::string name = types[type];
    // type, messages - 1, bytes, descriptors; then: 0 add, 3 add with a closed one, 4 send, 7 skip, 8 receive, 11
    // receive at a limit, 12 with a reserve, 13 take out, 14 something else, 15 send an empty message
    write_numbers(into, name + "_there", {type, 7, 30, 2, 0, 5, 1, 0, 6, 2, 0, 7, 0, 4, 8, 8});
    write_numbers(into, name + "_in_two", {type, 1, 30, 2, 0, 5, 1, 0, 6, 2, 0, 7, 0, 4, 8, 8, 8});
    write_numbers(into, name + "_losses", {type, 7, 8, 2, 0, 5, 1, 0, 20, 2, 0, 7, 4, 0, 3, 1, 4, 8, 0, 5, 2, 4, 8});
    write_numbers(into, name + "_full_table", {type, 7, 30, 2, 0, 5, 2, 0, 6, 2, 0, 7, 2, 0, 3, 1, 4, 11, 3, 8});
    write_numbers(into, name + "_reserve", {type, 7, 30, 1, 0, 5, 1, 0, 6, 1, 0, 7, 1, 4, 12, 1, 0, 12, 7, 1, 8});
    write_numbers(into, name + "_hostile_reserve", {type, 7, 30, 0, 0, 5, 2, 0, 6, 2, 0, 7, 2, 4, 12, 4, 0, 12, 5, 0});
    write_numbers(into, name + "_error_in_the_middle", {type, 7, 30, 2, 0, 5, 1, 3, 3, 1, 0, 7, 1, 4, 4, 7, 4, 8});
    write_numbers(into, name + "_empty", {type, 7, 30, 2, 0, 0, 0, 0, 0, 1, 4, 7, 4, 15, 0, 3, 1, 4, 8, 15, 8});
    write_numbers(into, name + "_empty_fill", {type, 1, 30, 2, 15, 15, 15, 0, 1, 0, 4, 8, 8, 8});
    write_numbers(into, name + "_end", {type, 3, 30, 2, 0, 5, 1, 0, 6, 2, 4, 14, 0, 0, 1, 1, 4, 8, 8});
    write_numbers(into, name + "_end_fills", {type, 1, 30, 2, 0, 5, 1, 0, 6, 2, 4, 15, 14, 0, 8, 8, 8});
    write_numbers(into, name + "_credentials", {type, 7, 30, 2, 14, 1, 0, 5, 1, 15, 4, 8, 14, 1, 0, 6, 1, 4, 8});
    write_numbers(into, name + "_taken", {type, 7, 30, 3, 0, 5, 3, 0, 6, 2, 4, 8, 13, 0, 1, 13, 1, 2, 0, 5, 3, 4, 8});
    write_numbers(into, name + "_moved", {type, 7, 30, 3, 0, 5, 3, 4, 0, 1, 1, 8, 14, 3, 4, 8, 0, 2, 2, 14, 4, 14, 2});
    write_numbers(into, name + "_too_many",
                  {type, 7, 30, 3, 0, 1, 5, 0, 1, 1, 0, 2, 1, 0, 3, 1, 0, 4, 1, 0, 5, 1, 0, 6, 1, 0, 7, 1, 4, 8});
  }
}

// --- record_decoder: packets as a peer sends them, right and wrong
// ----------------------------------------------------

using scm::test::packet;

scm::fuzz_support::peer_message of(const packet& one, int filling = 0) {
  const std::string bytes = one.bytes();
  return {static_cast<std::uint8_t>(one.sum()), static_cast<std::uint8_t>(filling), {bytes.begin(), bytes.end()}};
}

void write_record_seeds(const folder& into) {
  using scm::test::abandoned;
  using scm::test::more;
  const auto bad = [](packet one) { return std::vector{of({0, {{"good", 1}}}), of(one)}; };
  // A packet of one piece that is mostly filling.
  const auto large = [](std::uint64_t number, std::uint64_t flags, int filling) {
    const std::uint64_t size = 200 + static_cast<std::uint64_t>(filling) * 257;
    scm::test::piece one{.payload = std::string(200, 'x'), .flags = flags, .size = size};
    return of({.number = number, .pieces = {one}, .size = 24 + size}, filling);
  };
  const auto joined = [](scm::fuzz_support::peer_message one, const scm::fuzz_support::peer_message& other) {
    one.bytes.insert(one.bytes.end(), other.bytes.begin(), other.bytes.end());
    return one;
  };
  const std::pair<const char*, std::vector<scm::fuzz_support::peer_message>> all[]{
      {"packed", {of({0, {{"ab", 1}, {"c"}}}), of({1, {{""}, {"", 253}}}), of({2, {{"d"}}})}},
      {"plain_then_descriptors", {of({0, {{"a"}}}), of({1, {{"b"}, {"c"}}}), of({2, {{"d", 2}}}), of({3, {{"e", 1}}})}},
      {"in_pieces", {of({0, {{"x"}, {"ab", 2, more}}}), of({1, {{"", 1, more}}}), of({2, {{"cd", 1}, {"y", 1}}})}},
      {"abandoned", {of({0, {{"ab", 2, more}}}), of({1, {{"", 0, abandoned}, {"next", 1}}})}},
      {"abandoned_nothing", bad({1, {{"", 0, abandoned}}})},
      {"more_then_another", bad({1, {{"a", 0, more}, {"b"}}})},
      {"more_of_nothing", bad({1, {{"", 0, more}}})},
      {"version_2", bad({.number = 1, .pieces = {{"x"}}, .version = 2})},
      {"flags", bad({.number = 1, .pieces = {{"x"}}, .flags = 1})},
      {"repeated", {of({0, {{"x"}}}), of({0, {{"x"}}})}},
      {"size_0", bad({.number = 1, .pieces = {{"x"}}, .size = 0})},
      {"size_2_32", bad({.number = 1, .pieces = {{"x"}}, .size = 0xffffffff})},
      {"piece_past_end", bad({1, {{.payload = "x", .size = 2}}})},
      {"piece_short", bad({1, {{.payload = "xyz", .size = 2}}})},
      {"missing", {{0, 0, of({0, {{"a", 1}}}).bytes}, of({1, {{"b", 1}}})}},
      {"surplus", {{2, 0, of({0, {{"a", 1}}}).bytes}, of({1, {{"b", 1}}})}},
      {"sum", bad({.number = 1, .pieces = {{"x", 1}}, .descriptors = 2})},
      {"over_bytes", {of({0, {{std::string(30, 'x'), 0, more}}}), of({1, {{std::string(30, 'y')}}})}},
      {"over_descriptors", {of({0, {{"x", 2, more}}}), of({1, {{"y", 2}}})}},
      {"two_in_one_message", {joined(of({0, {{"a", 1}}}), of({1, {{"b"}}}))}},
      {"descriptors_within", {{0, 0, {1, 0, 1, 0}}, {1, 0, {25, 0, 0, 0}}}},
      {"large", {large(0, 0, 254), large(1, 0, 253), of({2, {{"x", 2}}})}},
      {"large_in_pieces", {large(0, more, 254), large(1, more, 100), large(2, 0, 254)}},
      {"cut_short", {large(0, 0, 254), {0, 0, {1, 0, 0}}}},
      {"nothing", {{0, 0, {}}, {1, 0, {}}}},
  };
  unsigned count = 0;
  for (const auto& [name, messages] : all) {
    for (const unsigned how : {0U, 1U, 2U}) {  // a stream, seqpacket, a stream with little room
      const unsigned cut = ++count % 40;
      std::vector<std::uint8_t> bytes{static_cast<std::uint8_t>(how), static_cast<std::uint8_t>(cut), 7, 200, 0};
      const auto rest = scm::fuzz_support::written(messages);
      bytes.insert(bytes.end(), rest.begin(), rest.end());
      into.write((how == 0   ? "stream_"
                  : how == 1 ? "seqpacket_"
                             : "narrow_") +
                     std::string{name},
                 std::as_bytes(std::span{bytes}));
    }
  }
}

// --- record_channel: programs of operations; 16 is added for the other end -------------------------------------------

void write_record_programs(const folder& into) {
  const char* const types[]{"stream", "seqpacket", "cramped_stream", "cramped_seqpacket"};
  for (int type = 0; type != 4; ++type) {
    const std::string name = types[type];
    write_numbers(into, name + "_there_and_back", {type, 0, 5, 0, 2, 30, 3, 16, 5, 0, 1, 14, 3});
    write_numbers(into, name + "_packed", {type, 3, 5, 5, 0, 1, 6, 0, 2, 9, 0, 0, 21, 1, 3, 7, 0, 4, 30, 7, 30, 7});
    write_numbers(into, name + "_queued",
                  {type, 5, 5, 0, 3, 6, 9, 0, 0, 7, 0, 0, 2, 9, 30, 7, 8, 1, 4, 0, 1, 0, 1, 30, 7});
    write_numbers(into, name + "_pieces", {type, 2, 3, 200, 0, 0, 240, 3, 2, 1, 9, 30, 2, 30, 2, 9, 30, 7});
    write_numbers(into, name + "_full", {type, 0, 0, 240, 3, 0, 0, 240, 2, 0, 0,   240, 1,  0, 0, 240, 3, 0, 0,  240,
                                         2,    2, 1, 99,  3, 3, 0, 240, 1, 0, 240, 2,   30, 7, 9, 30,  7, 9, 30, 7});
    write_numbers(into, name + "_queue_full", {type, 5,   0, 200, 3, 5,   0, 200, 3, 5, 0, 200, 3, 5,  0, 200, 3,  5,
                                               0,    200, 3, 5,   0, 200, 3, 8,   1, 2, 8, 1,   2, 30, 7, 9,   30, 7});
    write_numbers(into, name + "_half_closed", {type, 5, 5, 0, 2, 10, 0, 5, 0, 1, 16, 5, 0, 1, 30, 7, 14, 3});
    write_numbers(into, name + "_closed",
                  {type, 16, 5, 0, 1, 0, 5, 0, 2, 5, 9, 0, 3, 11, 30, 7, 16, 5, 0, 1, 21, 5, 0, 1, 25});
    write_numbers(into, name + "_closed_within",
                  {type, 0, 0, 240, 3, 0, 0, 240, 3, 0, 0, 240, 3, 0, 0, 240, 3, 11, 30, 7});
    write_numbers(into, name + "_moved", {type, 12, 5, 5, 0, 2, 12, 9, 28, 30, 3, 13, 0, 5, 0, 1, 30, 3});
  }
}

// --- expectations in text --------------------------------------------------------------------------------------------

void write_rule_seeds(const folder& into) {
  const std::pair<const char*, std::string> seeds[] = {
      {"nothing", ""},
      {"guest_memory", "memfd,access=rw,seals=shrink+grow,size>=4096"},
      {"any", "any,access=r/w/rw/none"},
      {"kinds", "kind=regular_file/block_device,size<=16T,size>=1K"},
      {"flags", "flags=append+sync+dsync,flags!=nonblock+direct+async+noatime"},
      {"seals", "seals=seal+shrink+grow+write+future_write+exec"},
      {"socket", "socket,family=unix,type=seqpacket,listening=no"},
      {"numbers", "family=40,type=10,device=4294967295:0,size=18446744073709551615"},
      {"place", "directory,inode=8:1:2,below=/srv/a\\x2cb\\xFF"},
      {"twice", "size=1,size>=1"},
      {"too_large", "size=16777216T"},
      {"two_kinds", "memfd,pipe"},
      {"end_missing", "memfd,"},
      {"half_an_escape", "below=/\\x2"},
  };
  for (const auto& [name, text] : seeds) into.write(name, std::as_bytes(std::span{text}));
}

// --- policies, and a message for each: its bytes are those that the target takes one after the other
// ------------------

void write_policy_seeds(const folder& into) {
  using std::literals::operator""s;
  const std::string head = "policy 1\ndefault deny\n";
  // What is taken: flags, program, peer, local, family, type, payload bytes (two), how many descriptors, which.
  const std::string memfds = "\0\x18\1\0\6\0\0\x64\0\2\0\1"s;
  const std::string mixed = "\0\1\1\0\6\0\0\x64\0\3\0\3\4"s;
  const std::string folder_alone = "\0\1\1\0\6\0\0\x64\0\1\3"s;
  const std::string unknown = "\0\5\0\7\7\1\1\x64\0\1\7"s;
  const std::string empty = "\0\2\2\4\1\3\3\0\0\0"s;
  const std::pair<const char*, std::string> seeds[] = {
      {"nothing", ""},
      {"default_alone", "policy 1\ndefault allow cloexec scattered" + memfds},
      {"sealed_memory", head + "allow any fds=none\nallow any fds=memfd,seals=shrink+grow count<=2\n" + memfds},
      {"one_is_enough_to_deny", head + "deny=EPERM any fds=directory\nallow any fds=any\n" + mixed},
      {"all_must_be_allowed", "policy 1\ndefault kill\nallow any fds=memfd/pipe\nstrip any count>=3\n" + mixed},
      {"positions", head + "allow receive fds=memfd;directory;pipe cloexec\n" + mixed},
      {"who", head + "allow any program=/usr/bin/* peer-uid=0 peer-gid=0 peer=/run/a local=unnamed\n" + memfds},
      {"unknown", "policy 1\ndefault allow\nstrip any program=a peer=/run/a\nkill any bytes<=9 fds=memfd\n" + unknown},
      {"unknown_is_not_allowed", head + "allow any program=a peer=/run/a bytes<=200\n" + unknown},
      {"denied_without_kind", "policy 1\ndefault allow\ndeny any fds=access=r\n" + folder_alone},
      {"names", head + "allow any program=a* peer=@a* local=/run/a\\x2a type=seqpacket family=unix/2\n" + empty},
      {"sizes", head + "allow any bytes>=1K bytes<=2M\ndeny=95 any count=0 oob=yes\nallow any bytes=100\n" + memfds},
      {"comments", "# a\xc3\xa4\n\tpolicy 1 # b\n\ndefault  strip\nallow any peer=@a#b\n\n" + empty},
      {"unreached", head + "allow send\nallow receive\nkill any fds=pipe\n"},
      {"contradiction", head + "allow any count>=3 count<=2\n"},
      {"no_default", "policy 1\nallow any\n"},
      {"twice", head + "allow any oob=no oob=no\n"},
      {"hint_denies", head + "deny any fds=below=/etc\n"},
      {"half_an_escape", head + "allow any peer=/a\\x2\n"},
      {"parent", head + "allow any peer=/a/../b\n"},
  };
  for (const auto& [name, text] : seeds) into.write(name, std::as_bytes(std::span{text}));
}

// --- lines to a broker -----------------------------------------------------------------------------------------------

void write_broker_seeds(const folder& into) {
  const std::pair<const char*, std::string> seeds[] = {
      {"nothing", ""},
      {"kept", "52store web\n50fetch web\n50list\n50drop web\n50fetch web\n"},
      {"shared",
       "51store web to uid=7 gid=2\n70fetch web of uid=5\n40fetch web of uid=5\n80fetch web of uid=5\n80list\n"
       "00fetch web of uid=5\n70drop web of uid=5\n00drop web of uid=5\n"},
      {"all", "51store web to all\n90fetch web of uid=5\n90list after a of uid=1\n90list after z\n"},
      {"one_name", "11store web\n22store web\n10fetch web\n20drop web\n10fetch web\n20fetch web\n"},
      {"user_quota",
       "13store a\n13store b\n12store b\n11store c\n10drop a\n11store c\n11store d\n11store e\n11store f\n"},
      {"full", "15store a\n24store a\n31store a\n20drop a\n31store a\n00drop a of uid=1\n35store a\n"},
      {"replaced", "15store a\n15store a\n14store a expiring\n15store a expiring\n11store a\n"},
      {"expiring", "11store a expiring\n11store b expiring to all\n11store c\n!\n10list\n!\n!\n10fetch c\n"},
      {"wrong",
       "11store\n11store a:b\n11store a to\n11store a to uid=-1\n11store a to uid=4294967295\n10store a\n"
       "11fetch a\n10fetch a of\n10fetch a of gid=1\n10list a\n10drop\n11list\n"},
  };
  for (const auto& [name, text] : seeds) into.write(name, std::as_bytes(std::span{text}));
}

// --- records of a hand-over: how many descriptors, and the record ----------------------------------------------------

void write_hand_over_seeds(const folder& into) {
  const std::pair<const char*, std::vector<std::uint8_t>> seeds[] = {
      {"begin", {0, 1, 1}},
      {"taken", {0, 1, 5}},
      {"offer", {2, 1, 2, 0, 0}},
      {"offer_file", {4, 1, 2, 1, 1, '/', 'a'}},
      {"offer_no_path", {4, 1, 2, 1, 1}},
      {"entry", {1, 1, 3, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'w', 'e', 'b'}},
      {"entry_shared", {2, 1, 3, 1, 1, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0, 7, 0, 0, 0, 8, 0, 0, 0, 'a'}},
      {"entry_many", {1, 1, 3, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 33, 0, 0, 0, 'a'}},
      {"end", {0, 1, 4, 3, 0, 0, 0}},
      {"version", {0, 2, 1}},
  };
  for (const auto& [name, bytes] : seeds) into.write(name, std::as_bytes(std::span{bytes}));
}

// --- programs of a front end: the first byte makes the disk read-only, a step is a byte and what it needs ------------

void write_device_seeds(const folder& into) {
  using program = std::vector<std::uint8_t>;
  constexpr std::uint8_t set_up = 0, describe = 1, offer = 2, ask = 3, poke = 4, grown = 5, message = 9;
  const auto write = [&](const std::string& name, const program& bytes) {
    into.write(name, std::as_bytes(std::span{bytes}));
  };
  write("nothing", {});
  write("read", {0, set_up, ask, 0, 1, ask, 0x40, 3});
  write("write", {0, set_up, ask, 1, 2, ask, 0xc1, 2, ask, 0, 2});
  write("write_read_only", {1, set_up, ask, 1, 2});
  write("flush_and_name", {0, set_up, ask, 2, 0, ask, 3, 0});
  write("unknown_request", {0, set_up, ask, 4, 13, 0});
  write("past_the_end", {0, set_up, ask, 8, 64, ask, 9, 12});
  write("outside", {0, set_up, ask, 16, 0, 7, ask, 32, 0, 12});
  write("indirect", {0, 0x10 | set_up, describe, 64, 4, 0, 0, 0, 0, describe, 0, 4, 0, 1, 0, 0, 0, offer, 0});
  write("loop", {0, set_up, describe, 0, 1, 0, 1, 0, 0, 0, offer, 0});
  write("event_index", {0, set_up | 0x20, ask, 0, 1, ask, 0, 2});
  write("too_many_waiting", {0, set_up, poke, 2, 1, 0xff, 0xff});
  write("grown", {0, set_up, message, 21, 0, 0, 9, 0, grown, grown});
  write("set_up_twice", {0, set_up, ask, 0, 1, set_up | 0x10, ask, 1, 3});
  for (std::uint8_t what = 1; what != 46; ++what) {
    for (const std::uint8_t style : program{0, 1, 0x47, 0x3d}) {
      program bytes{0, set_up, message, what, style};
      bytes.resize(bytes.size() + 12, 7);
      bytes.insert(bytes.end(), {ask, 0, 1});
      write("request_" + std::to_string(what) + "_" + std::to_string(style), bytes);
    }
  }
}

// --- netlink: what the kernel answers, and what breaks it ------------------------------------------------------------

void write_netlink_seeds(const folder& into) {
  using scm::test::built;
  const auto text = [](std::string_view words) { return built{}.bytes_of(words).number('\0').bytes; };
  built words;
  words.number<std::int32_t>(-22).header(32, 18, NLM_F_REQUEST | NLM_F_ACK, 1, 0);
  words.attribute(NLMSGERR_ATTR_MSG, text("Invalid values in header for link dump request"));
  words.attribute(NLMSGERR_ATTR_OFFS, built{}.number<std::uint32_t>(20).bytes);
  words.attribute(NLMSGERR_ATTR_COOKIE, text("cookie"));
  words.attribute(NLMSGERR_ATTR_MISS_TYPE, built{}.number<std::uint32_t>(3).bytes);
  words.attribute(NLMSGERR_ATTR_MISS_NEST, built{}.number<std::uint32_t>(24).bytes);
  into.write("refused", built{}.message(NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, 1, 9, words.bytes).bytes);
  built repeated;
  repeated.number<std::int32_t>(-1).message(18, 0, 1, 0, text("abcd")).attribute(NLMSGERR_ATTR_MSG, text("why"));
  into.write("refused_repeated", built{}.message(NLMSG_ERROR, NLM_F_ACK_TLVS, 1, 9, repeated.bytes).bytes);
  const auto done = built{}.number<std::int32_t>(0).bytes;
  into.write("acknowledged",
             built{}.message(NLMSG_ERROR, NLM_F_CAPPED, 1, 9, built{}.number(0).header(20, 18, 5, 1, 0).bytes).bytes);
  into.write("done", built{}.message(NLMSG_DONE, NLM_F_MULTI, 1, 9, done).bytes);
  into.write("done_empty", built{}.message(NLMSG_DONE, NLM_F_MULTI, 1, 9, {}).bytes);

  const auto entry = [](int state) {
    return built{}.number(unix_diag_msg{AF_UNIX, SOCK_STREAM, static_cast<__u8>(state), 0, 77, {1, 2}});
  };
  built listener = entry(10);
  listener.attribute(UNIX_DIAG_NAME, text("/run/socket"));
  listener.attribute(UNIX_DIAG_VFS, built{}.number(unix_diag_vfs{5, 6}).bytes);
  listener.attribute(UNIX_DIAG_ICONS, built{}.number<std::uint32_t>(9).number<std::uint32_t>(10).bytes);
  listener.attribute(UNIX_DIAG_RQLEN, built{}.number(unix_diag_rqlen{2, 128}).bytes);
  listener.attribute(UNIX_DIAG_UID, built{}.number<std::uint32_t>(1000).bytes);
  listener.attribute(UNIX_DIAG_SHUTDOWN, built{}.number<std::uint8_t>(0).bytes);
  built connected = entry(1);
  connected.attribute(UNIX_DIAG_NAME, built{}.number('\0').bytes_of("name").bytes);
  connected.attribute(UNIX_DIAG_PEER, built{}.number<std::uint32_t>(78).bytes);
  connected.attribute(UNIX_DIAG_SHUTDOWN, built{}.number<std::uint8_t>(3).bytes);
  built list;
  list.message(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, 1, 9, listener.bytes);
  list.message(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, 1, 9, connected.bytes);
  list.message(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, 1, 9, entry(7).bytes);
  list.message(NLMSG_DONE, NLM_F_MULTI, 1, 9, done);
  into.write("unix_sockets", list.bytes);

  const auto inner = built{}.attribute(1 | NLA_F_NESTED, built{}.attribute(2, text("deep")).bytes).bytes;
  built nested;
  nested.number<std::uint32_t>(0).attribute(3 | NLA_F_NESTED, inner).attribute(4 | NLA_F_NET_BYTEORDER, text("be"));
  into.write("nested", built{}.message(16, 0, 0, 0, nested.bytes).bytes);
  for (const std::uint32_t length : {0U, 15U, 17U, 0x7fffffffU, 0xffffffffU}) {
    into.write("length_" + std::to_string(length), built{}.message(1, 0, 0, 0, {}).header(length, 2, 0, 0, 0).bytes);
  }
  into.write("nothing", {});
}

// --- supervisor: calls, and a kernel that obliges --------------------------------------------------------------------

// In the order in which fuzz_supervisor.cpp takes it apart: bytes that are small, so that next to nothing fails, and of
// each call a different rest.
void write_supervisor_seeds(const folder& into) {
  constexpr std::array<std::uint8_t, 12> values{0, 1, 2, 3, 8, 16, 32, 64, 65, 68, 100, 127};
  std::uint32_t state = 1;
  const auto next = [&] {
    state = state * 1664525 + 1013904223;
    return state >> 16;
  };
  for (unsigned shape = 0; shape != 64; ++shape) {
    std::vector<std::byte> bytes{static_cast<std::byte>(shape * 4 + next() % 4), std::byte{}};
    for (std::size_t size = 100 + next() % 500; size != 0; --size) bytes.push_back(std::byte{values[next() % 12]});
    into.write("call_" + std::to_string(shape), bytes);
  }
}

// --- foreign: messages in another process's memory, and what is wrong with them --------------------------------------

// In the order in which fuzz_foreign.cpp takes it apart.
struct foreign_seed {
  static constexpr std::uint16_t nowhere = 0x8000, wrong = 0x8008, at_the_top = 0x9000;
  struct range {
    std::uint16_t place, size;
  };

  abi layout;
  bool received = false;
  unsigned base = 0;
  std::vector<range> holes{};
  std::uint16_t header_at = 64;
  range name{0x200, 5}, buffers{0x1000, 2}, control{0x2000, 0};
  std::vector<range> vectors{{0x3000, 100}, {0x3100, 28}};
  control_bytes sent{};
  std::uint16_t payload_room = 200;
  std::uint8_t control_room = 64, name_size = 12;

  [[nodiscard]] std::vector<std::byte> bytes() const {
    control_bytes out;
    const auto put = [&](const range& one) { out.integer(one.place).integer(one.size); };
    out.integer(static_cast<std::uint8_t>((layout == abi::ilp32 ? 1U : 0U) | (received ? 2U : 0U) | base << 2 |
                                          static_cast<unsigned>(holes.size()) << 4));
    for (const range& hole : holes) put(hole);
    out.integer(header_at);
    for (const range& part : {name, buffers, control}) put(part);
    out.integer(std::uint32_t{0x40}).integer(static_cast<std::uint16_t>(vectors.size()));
    for (const range& one : vectors) put(one);
    out.integer(static_cast<std::uint16_t>(sent.size())).raw(sent);
    out.integer(payload_room).integer(control_room).integer(name_size);
    return out.vector();
  }
};

void write_foreign_seeds(const folder& into) {
  constexpr std::uint16_t many = 0xf001, most = 0xf000, negative = 0xf009, past_int = 0xf003, past_bound = 0xf00b;
  constexpr std::uint16_t longest = 0xf007;
  for (const abi layout : scm::test::both_layouts) {
    const std::string of = layout == abi::lp64 ? "64_" : "32_";
    control_bytes items{layout};
    items.message(SOL_SOCKET, SCM_RIGHTS, {1, 2, 3}).pad().message(SOL_SOCKET, SCM_CREDENTIALS, {1, 2, 3}).pad();
    items.message(SOL_SOCKET, 35, {1, 0, 2, 0}).pad().message(SOL_SOCKET, 4, {9}).pad();
    foreign_seed right{.layout = layout, .sent = items};
    right.control.size = static_cast<std::uint16_t>(items.size());
    const auto save = [&](const char* name, auto change) {
      foreign_seed made = right;
      change(made);
      into.write(of + name, made.bytes());
    };
    save("sent", [](auto&) {});
    save("received", [](auto& m) { m.received = true; });
    for (const unsigned base : {1U, 2U, 3U}) {
      save(base == 1 ? "below_4_gib" : base == 2 ? "across_the_half" : "at_the_top", [&](auto& m) { m.base = base; });
    }
    save("header_cut", [](auto& m) { m.holes = {{90, 1}}; });
    save("header_at_the_end", [](auto& m) { m.header_at = 0x5ff0; });
    save("name_negative", [](auto& m) { m.name.size = negative; });
    save("name_wrong", [](auto& m) { m.name.place = foreign_seed::wrong; });
    save("name_wrong_too_many", [](auto& m) {
      m.name.place = foreign_seed::wrong;
      m.buffers.size = many;
    });
    save("no_name", [](auto& m) { m.name = {foreign_seed::nowhere, negative}; });
    save("name_long", [](auto& m) { m.name.size = 4000; });
    save("most_buffers", [](auto& m) { m.buffers.size = most; });
    save("too_many", [](auto& m) { m.buffers.size = many; });
    save("buffers_wrong", [](auto& m) { m.buffers.place = foreign_seed::wrong; });
    save("buffers_cut", [](auto& m) { m.holes = {{0x100f, 200}}; });
    save("buffer_negative", [](auto& m) { m.vectors[1].size = negative; });
    save("buffer_longest", [](auto& m) { m.vectors[0].size = longest; });
    save("buffer_at_the_top", [](auto& m) { m.vectors[1] = {foreign_seed::at_the_top, 0}; });
    save("total_cut", [](auto& m) { m.vectors = {{0x3000, 0xf00f}, {0x3000, 0xf00f}}; });
    save("payload_cut", [](auto& m) { m.holes = {{0x3104, 8}}; });
    save("control_nowhere", [](auto& m) { m.control.place = foreign_seed::nowhere; });
    save("control_past_int", [](auto& m) { m.control.size = past_int; });
    save("control_past_bound", [](auto& m) { m.control.size = past_bound; });
    save("control_cut", [](auto& m) { m.holes = {{0x2030, 8}}; });
    save("control_left_over", [](auto& m) { ++m.control.size; });
    save("control_half_a_header", [](auto& m) { m.control.size = 8; });
    save("control_wrong_length", [&](auto& m) { m.sent = control_bytes{layout}.header(5, 99, 7).fill(16); });
    save("control_wrong_length_cut", [&](auto& m) {
      m.sent = control_bytes{layout}.header(5, 99, 7).fill(16);
      m.holes = {{0x2010, 8}};
    });
    save("overlapping", [](auto& m) {
      m.buffers.place = 64;
      m.control.place = 70;
    });
    save("answer_cut", [](auto& m) {
      m.received = true;
      m.control = {0x2000, 64};
      m.holes = {{0x2020, 4}};
    });
    save("answer_over_itself", [](auto& m) {
      m.received = true;
      m.vectors = {{64, 100}};
      m.buffers.size = 1;
    });
    for (const int room : {0, 11, 13, 16, 20, 24, 44}) {
      save(("room_" + std::to_string(room)).c_str(),
           [&](auto& m) { m.control_room = static_cast<std::uint8_t>(room); });
    }
  }
}

}  // namespace

// --- control_line: what receives deliver
// ---------------------------------------------------------

void write_line_seeds(const folder& into) {
  struct delivery {
    unsigned sender, descriptors, one_by_one;
    std::string_view bytes;
  };
  const auto write = [&](const std::string& name, unsigned longest, unsigned most,
                         std::initializer_list<delivery> all) {
    std::vector<std::uint8_t> out{static_cast<std::uint8_t>((longest - 1) | most << 5)};
    for (const delivery& one : all) {
      out.push_back(static_cast<std::uint8_t>(one.sender | one.descriptors << 2 | one.one_by_one << 4));
      out.push_back(static_cast<std::uint8_t>(one.bytes.size()));
      out.insert(out.end(), one.bytes.begin(), one.bytes.end());
    }
    into.write(name, std::as_bytes(std::span{out}));
  };
  using namespace std::string_view_literals;
  write("one", 32, 3, {{1, 0, 0, "ping\n"}});
  write("cut", 32, 3, {{1, 0, 0, "pi"}, {1, 0, 0, "n"}, {1, 0, 0, "g\nping\npi"}, {1, 0, 0, "ng\n"}});
  write("many", 32, 3, {{1, 0, 0, "a\n\n \tb  c\r\nd\n"}, {1, 0, 1, "a\nb\nc"}, {1, 0, 1, "\nd\n"}});
  write("longest", 4, 0, {{1, 0, 0, "ping\nping\n"}, {1, 0, 0, "pi"}, {1, 0, 0, "ng\n"}});
  write("too_long", 4, 0, {{1, 0, 0, "ping\npings\n"}});
  write("too_long_without_end", 4, 0, {{1, 0, 0, "ping"}, {1, 0, 0, "s"}});
  write("nobody", 32, 0, {{1, 0, 0, "ping\n"}, {0, 0, 0, "ping\n"}});
  write("lines_of_three", 32, 0, {{1, 0, 0, "a\n"}, {2, 0, 0, "b\n"}, {3, 0, 0, "c\n"}});
  write("line_of_two_processes", 32, 0, {{1, 0, 0, "a\npi"}, {2, 0, 0, "ng\n"}});
  write("line_of_two_users", 32, 0, {{1, 0, 0, "a\npi"}, {3, 0, 0, "ng\n"}});
  write("descriptors", 32, 3, {{1, 2, 0, "keep\n"}, {1, 0, 0, "ping\n"}, {1, 1, 0, "ke"}, {1, 2, 0, "ep\n"}});
  write("descriptors_after_a_part", 32, 3, {{1, 0, 0, "a\nke"}, {1, 1, 0, "ep\n"}, {1, 0, 0, "b\nc\n"}});
  write("ambiguous_behind", 32, 3, {{1, 1, 0, "keep\nping\n"}});
  write("ambiguous_before", 32, 3, {{1, 0, 0, "ke"}, {1, 1, 0, "ep\nk"}});
  write("too_many", 32, 2, {{1, 2, 0, "ke"}, {1, 1, 0, "ep\n"}});
  write("none_allowed", 32, 0, {{1, 1, 0, "keep\n"}});
  write("control_characters", 32, 0, {{1, 0, 0, "a\0b\n\x7f\n\x1b[m\n\r\r\n"sv}});
}

// --- trace: what happens on four pairs of sockets
// ---------------------------------------------------------

void write_trace_seeds(const folder& into) {
  struct event {
    unsigned what, pair, how, files, bytes;
  };
  enum : unsigned { sent = 0, returns = 2, wrote = 3, was_read = 4, received = 5, peek = 7 };
  const auto put = [&](const std::string& name, std::initializer_list<event> all) {
    std::vector<std::uint8_t> out;
    for (const event& one : all) {
      out.push_back(static_cast<std::uint8_t>(one.what | one.pair << 3 | one.how << 5));
      out.push_back(static_cast<std::uint8_t>(one.files | one.bytes << 4));
    }
    into.write(name, std::as_bytes(std::span{out}));
  };
  for (unsigned pair = 0; pair != 4; ++pair) {
    const std::string of = std::to_string(pair);
    put("received_" + of, {{sent, pair, 1, 2, 0}, {received, pair, 1, 3, 0}});
    put("returns_later_" + of, {{sent, pair, 3, 2, 0}, {received, pair, 1, 3, 0}, {returns, pair, 0, 0, 0}});
    put("cut_" + of,
        {{sent, pair, 1, 3, 1}, {received, pair, 1, 1, 0}, {sent, pair, 1, 2, 0}, {received, pair, 1, 0, 0}});
    put("read_past_" + of,
        {{sent, pair, 1, 1, 0}, {was_read, pair, 0, 0, 0}, {sent, pair, 1, 5, 0}, {received, pair, 1, 3, 0}});
    put("alike_" + of, {{sent, pair, 1, 1, 0},
                        {sent, pair, 1, 1, 0},
                        {was_read, pair, 0, 0, 0},
                        {received, pair, 1, 3, 0},
                        {sent, pair, 1, 1, 0},
                        {received, pair, 1, 3, 0}});
    put("guessed_" + of, {{sent, pair, 1, 1, 2},
                          {wrote, pair, 0, 0, 0},
                          {sent, pair, 1, 1, 0},
                          {received, pair, 1, 3, 0},
                          {received, pair, 1, 3, 0},
                          {sent, pair, 1, 1, 0},
                          {received, pair, 1, 3, 0}});
    put("peeked_" + of, {{sent, pair, 0, 1, 0}, {peek, pair, 0, 3, 0}, {received, pair, 0, 3, 0}});
    put("failed_" + of, {{sent, pair, 7, 1, 0}, {sent, pair, 1, 1, 0}, {received, pair, 1, 3, 0}});
    put("credentials_cut_" + of,
        {{sent, pair, 1, 1, 0}, {wrote, pair, 0, 0, 0}, {was_read, pair, 0, 0, 0}, {received, pair, 1, 3, 8}});
    put("written_before_" + of, {{sent, pair, 1, 1, 0},
                                 {was_read, pair, 0, 0, 0},
                                 {wrote, pair, 0, 0, 0},
                                 {sent, pair, 1, 1, 2},
                                 {received, pair, 1, 3, 0}});
  }
}

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const folder view{argv[1], "fuzz_control_view"};
  for (const abi layout : scm::test::both_layouts) view_seeds{view, layout}.write();
  write_buffer_seeds(folder{argv[1], "fuzz_control_buffer"});
  write_send_seeds(folder{argv[1], "fuzz_kernel_send"});
  write_receive_seeds(folder{argv[1], "fuzz_receive"});
  write_sequence_seeds(folder{argv[1], "fuzz_channel_sequence"});
  write_batch_seeds(folder{argv[1], "fuzz_batch"});
  write_line_seeds(folder{argv[1], "fuzz_control_line"});
  write_record_seeds(folder{argv[1], "fuzz_record_decoder"});
  write_record_programs(folder{argv[1], "fuzz_record_channel"});
  write_rule_seeds(folder{argv[1], "fuzz_expectation"});
  write_policy_seeds(folder{argv[1], "fuzz_policy"});
  write_broker_seeds(folder{argv[1], "fuzz_broker"});
  write_hand_over_seeds(folder{argv[1], "fuzz_hand_over"});
  write_netlink_seeds(folder{argv[1], "fuzz_netlink"});
  write_foreign_seeds(folder{argv[1], "fuzz_foreign"});
  write_supervisor_seeds(folder{argv[1], "fuzz_supervisor"});
  write_trace_seeds(folder{argv[1], "fuzz_trace"});
  write_device_seeds(folder{argv[1], "fuzz_vhost_user"});
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
