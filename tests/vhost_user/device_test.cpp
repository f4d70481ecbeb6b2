// The example's block device, against front ends and guests that break every rule there is.
#include "support/catch.hpp"
#include "support/descriptor_table.hpp"
#include "vhost_user/guest.hpp"

using namespace scm;
using namespace scm::test;
using vu::request;

namespace {

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }
constexpr std::uint64_t driver_features =
    bit(VIRTIO_F_VERSION_1) | bit(VIRTIO_BLK_F_FLUSH) | bit(VIRTIO_RING_F_INDIRECT_DESC) | vu::protocol_features;

// A device that was set up as a well-behaved front end does.
struct set_up {
  connection with;
  guest memory;
  event kick = event::make().value();
  event call = event::make().value();
  event error = event::make().value();

  explicit set_up(std::uint64_t features = driver_features, bool read_only = false) : with{read_only} {
    tell(request::set_features, features);
    with.send(static_cast<std::uint32_t>(request::set_protocol_features), vu::version,
              raw(vu::protocol::reply_ack | vu::protocol::config));
    tell(request::set_mem_table, table(guest::region()), memory.fd());
    tell(request::set_vring_num, vu::vring_state{0, guest::entries});
    tell(request::set_vring_base, vu::vring_state{0, 0});
    tell(request::set_vring_addr, guest::rings());
    tell(request::set_vring_call, std::uint64_t{0}, call.fd());
    tell(request::set_vring_err, std::uint64_t{0}, error.fd());
    tell(request::set_vring_kick, std::uint64_t{0}, kick.fd());
    tell(request::set_vring_enable, vu::vring_state{0, 1});
    serve();
  }

  static std::array<std::byte, 8 + sizeof(vu::memory_region)> table(const vu::memory_region& one) {
    std::array<std::byte, 8 + sizeof one> bytes{std::byte{1}};
    std::memcpy(bytes.data() + 8, &one, sizeof one);
    return bytes;
  }
  template <class Body>
  void tell(request what, const Body& body, borrowed_fds files = {}) {
    REQUIRE(with.send(static_cast<std::uint32_t>(what), vu::version, raw(body), files));
  }
  // The device's answer to a request that wants to know: 0 is done, 1 is refused.
  template <class Body>
  std::uint64_t ask(request what, const Body& body, borrowed_fds files = {}) {
    REQUIRE(with.send(static_cast<std::uint32_t>(what), vu::version | vu::need_reply, raw(body), files));
    const auto answer = with.answer();
    REQUIRE(answer);
    REQUIRE(answer->size() == sizeof(std::uint64_t));
    std::uint64_t status = 0;
    std::memcpy(&status, answer->data(), sizeof status);
    return status;
  }
  void serve() {
    REQUIRE(kick.signal());
    with.device().serve();
  }
  bool queue_stopped() { return error.take(dont_wait).has_value(); }

  static constexpr std::size_t header_at = 0x4000, status_at = 0x4100, data_at = 0x8000;
  // A request of three pieces, as drivers make them; the status it got, 0xff for none.
  unsigned perform(std::uint32_t type, std::uint64_t sector, std::uint32_t bytes) {
    memory.put(header_at, virtio_blk_outhdr{type, 0, sector});
    memory.put(status_at, std::uint8_t{0xff});
    const auto into = static_cast<std::uint16_t>(type == VIRTIO_BLK_T_OUT ? 0 : VRING_DESC_F_WRITE);
    memory.describe(0, {guest::address(header_at), sizeof(virtio_blk_outhdr), VRING_DESC_F_NEXT, 1});
    memory.describe(1, {guest::address(data_at), bytes, static_cast<std::uint16_t>(into | VRING_DESC_F_NEXT), 2});
    memory.describe(2, {guest::address(status_at), 1, VRING_DESC_F_WRITE, 0});
    memory.offer(0);
    serve();
    return memory.get<std::uint8_t>(status_at);
  }
};

}  // namespace

TEST_CASE("sectors are written, read back, flushed, and the device is named") {
  set_up one;
  std::memset(one.memory.at(set_up::data_at), 'w', 1024);
  CHECK(one.perform(VIRTIO_BLK_T_OUT, 3, 1024) == VIRTIO_BLK_S_OK);
  CHECK(one.memory.used_entry(0).len == 1);
  CHECK(one.call.take(dont_wait) == 1U);
  std::array<char, 1024> written{};
  REQUIRE(::pread(one.with.image().native_handle(), written.data(), 1024, 3 * 512) == 1024);
  CHECK(std::ranges::all_of(written, [](char c) { return c == 'w'; }));
  CHECK(one.perform(VIRTIO_BLK_T_FLUSH, 0, 0) == VIRTIO_BLK_S_OK);
  std::memset(one.memory.at(set_up::data_at), 0, 1024);
  CHECK(one.perform(VIRTIO_BLK_T_IN, 4, 512) == VIRTIO_BLK_S_OK);
  CHECK(one.memory.used_entry(2).len == 513);
  CHECK(*one.memory.at(set_up::data_at + 511) == std::byte{'w'});
  CHECK(*one.memory.at(set_up::data_at + 512) == std::byte{});
  CHECK(one.perform(VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES) == VIRTIO_BLK_S_OK);
  CHECK(std::memcmp(one.memory.at(set_up::data_at), "scm vhost-user-blk", 18) == 0);
  CHECK(one.perform(VIRTIO_BLK_T_SECURE_ERASE, 0, 16) == VIRTIO_BLK_S_UNSUPP);
  CHECK(one.memory.kept_within());
}

TEST_CASE("no request reaches past the disk's last sector") {
  set_up one;
  constexpr std::uint64_t sectors = connection::image_bytes / 512;
  const auto sector =
      GENERATE(std::uint64_t{sectors}, sectors - 1, sectors + 1, std::uint64_t{1} << 55, ~std::uint64_t{});
  for (const std::uint32_t type : {0U + VIRTIO_BLK_T_IN, 0U + VIRTIO_BLK_T_OUT})
    CHECK(one.perform(type, sector, 1024) == VIRTIO_BLK_S_IOERR);
  CHECK(one.perform(VIRTIO_BLK_T_IN, 0, 100) == VIRTIO_BLK_S_IOERR);  // no whole sector
  CHECK(one.perform(VIRTIO_BLK_T_IN, sectors - 1, 512) == VIRTIO_BLK_S_OK);
  struct stat now;
  REQUIRE(::fstat(one.with.image().native_handle(), &now) == 0);
  CHECK(now.st_size == connection::image_bytes);
}

TEST_CASE("a read-only disk says so, and is not written to") {
  set_up one{driver_features | bit(VIRTIO_BLK_F_RO), true};
  CHECK(one.perform(VIRTIO_BLK_T_OUT, 0, 512) == VIRTIO_BLK_S_IOERR);
  CHECK(one.perform(VIRTIO_BLK_T_IN, 0, 512) == VIRTIO_BLK_S_OK);
}

TEST_CASE("an image that grew is told of on the back end's own channel") {
  set_up one;
  auto [ours, theirs] = stream::pair().value();
  REQUIRE(one.with.send(static_cast<std::uint32_t>(request::set_protocol_features), vu::version,
                        raw(vu::protocol::backend_channel | vu::protocol::reply_ack | vu::protocol::config)));
  REQUIRE(one.with.send(static_cast<std::uint32_t>(request::set_backend_req_fd), vu::version, {}, theirs.fd()));
  one.with.device().measure();
  vu::header told{};
  CHECK_FALSE(ours.try_receive(mutable_buffer{&told, sizeof told}, 0));
  REQUIRE(::ftruncate(one.with.image().native_handle(), 2 * connection::image_bytes) == 0);
  one.with.device().measure();
  REQUIRE(ours.try_receive(mutable_buffer{&told, sizeof told}, 0)->size == sizeof told);
  CHECK(told.request == vu::backend_config_change);
  CHECK(one.perform(VIRTIO_BLK_T_IN, connection::image_bytes / 512, 512) == VIRTIO_BLK_S_OK);
}

TEST_CASE("every request with 0, 1, 2, 3, 8, 9 and 253 descriptors leaves none open") {
  const bool asks = GENERATE(false, true);
  for (std::uint32_t what = 0; what != 48; ++what) {
    for (const std::size_t count : {0U, 1U, 2U, 3U, 8U, 9U, 253U}) {
      set_up one;
      const std::vector<borrowed_fd> files(count, one.memory.fd());
      const auto rule = vu::shape_of(static_cast<request>(what));
      const std::vector<std::byte> body(rule ? rule->most : 8);
      const auto before = descriptor_table::now();
      const bool going = one.with.send(what, vu::version | (asks ? vu::need_reply : 0), body, files);
      INFO("request " << what << " with " << count << ": " << one.with.why());
      const bool fits = rule && count >= rule->least_files && count <= rule->most_files;
      if (!fits) CHECK_FALSE(going);
      // It may have closed what it held; it has nothing new.
      CHECK(descriptor_table::now().entries().size() <= before.entries().size());
    }
  }
}

TEST_CASE("memory is admitted only if it is a memfd that cannot shrink, of the size that was told") {
  set_up one;
  const auto refused = [&](const vu::memory_region& region, borrowed_fds files) {
    return one.ask(request::set_mem_table, set_up::table(region), files) == 1;
  };
  const auto whole = guest::region();
  CHECK(refused(whole, {}));
  const owned_fd unsealed = sized_memfd(guest::around * 2 + guest::bytes, 0);
  CHECK(refused(whole, unsealed.get()));
  const owned_fd small = sized_memfd(guest::around + guest::bytes - 1, F_SEAL_SHRINK);
  CHECK(refused(whole, small.get()));
  const owned_fd file = image_file(guest::around * 2 + guest::bytes);
  CHECK(refused(whole, file.get()));
  const owned_fd handle = opened_or_abort(
      ::open(("/proc/self/fd/" + std::to_string(one.memory.fd().native_handle())).c_str(), O_PATH | O_CLOEXEC));
  CHECK(refused(whole, handle.get()));
  const owned_fd reader = opened_or_abort(
      ::open(("/proc/self/fd/" + std::to_string(one.memory.fd().native_handle())).c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(refused(whole, reader.get()));
  const std::uint64_t end = ~std::uint64_t{};
  CHECK(refused({whole.guest_address, 0, whole.user_address, 0}, one.memory.fd()));
  CHECK(refused({whole.guest_address, end, whole.user_address, 0}, one.memory.fd()));
  CHECK(refused({end - 10, 4096, whole.user_address, 0}, one.memory.fd()));
  CHECK(refused({whole.guest_address, 4096, end - 10, 0}, one.memory.fd()));
  CHECK(refused({whole.guest_address, 4096, whole.user_address, end - 10}, one.memory.fd()));
  CHECK(refused({whole.guest_address, 4096, whole.user_address, end / 2 - 4096}, one.memory.fd()));
  CHECK(one.ask(request::set_mem_table, set_up::table(whole), one.memory.fd()) == 0);
}

TEST_CASE("regions that overlap, for the guest or for the front end, are refused") {
  set_up one;
  REQUIRE(one.with.send(static_cast<std::uint32_t>(request::get_vring_base), vu::version, raw(vu::vring_state{})));
  REQUIRE(one.with.answer());
  vu::memory_table table{.count = 2, .padding = 0, .regions = {}};
  table.regions[0] = {0x10000, 0x2000, 0x70000000, 0};
  const auto second = [&](std::uint64_t at, std::uint64_t user) {
    table.regions[1] = {at, 0x1000, user, 0x3000};
    return one.ask(request::set_mem_table, table, {{one.memory.fd(), one.memory.fd()}});
  };
  CHECK(second(0x12000, 0x70002000) == 0);
  CHECK(second(0xf000, 0x6ffff000) == 0);
  CHECK(second(0x11fff, 0x70002000) == 1);
  CHECK(second(0x12000, 0x70001fff) == 1);
  CHECK(second(0xf001, 0x6ffff000) == 1);
  CHECK(second(0x11000, 0x80000000) == 1);
  for (const std::uint32_t count : {0U, 1U, 3U, 9U, ~0U}) {
    table.count = count;
    CHECK(second(0x12000, 0x70002000) == 1);
  }
}

TEST_CASE("a buffer may reach from one region into the next, and no further") {
  set_up one;
  const vu::memory_region low{guest::base, guest::bytes / 2, guest::user, guest::around};
  const vu::memory_region high{guest::base + guest::bytes / 2, guest::bytes / 2, guest::user + guest::bytes / 2,
                               guest::around + guest::bytes / 2};
  vu::memory_table table{.count = 2, .padding = 0, .regions = {high, low}};
  CHECK(one.ask(request::set_mem_table, table, {{one.memory.fd(), one.memory.fd()}}) == 0);
  const std::size_t edge = guest::bytes / 2 - 256;
  one.memory.put(set_up::header_at, virtio_blk_outhdr{VIRTIO_BLK_T_IN, 0, 0});
  one.memory.describe(0, {guest::address(set_up::header_at), 16, VRING_DESC_F_NEXT, 1});
  one.memory.describe(1, {guest::address(edge), 513, VRING_DESC_F_WRITE, 0});
  std::memset(one.memory.at(edge), 'x', 513);
  one.memory.offer(0);
  one.serve();
  CHECK(std::all_of(one.memory.at(edge), one.memory.at(edge + 513), [](std::byte b) { return b == std::byte{}; }));
  one.memory.describe(1, {guest::address(guest::bytes - 512), 513, VRING_DESC_F_WRITE, 0});
  one.memory.offer(0);
  one.serve();
  CHECK(one.queue_stopped());
  CHECK(one.memory.kept_within());
}

TEST_CASE("rings outside of the memory, or not aligned, are refused") {
  set_up one;
  const auto refused = [&](vu::vring_addresses where) {
    return one.ask(request::set_vring_addr, where) == 1 ||
           one.ask(request::set_vring_kick, std::uint64_t{0}, one.kick.fd()) == 1;  // of a queue that is stopped
  };
  auto where = guest::rings();
  for (auto* const address : {&where.descriptors, &where.available, &where.used}) {
    const std::uint64_t right = *address;
    for (const std::uint64_t wrong : {std::uint64_t{}, guest::user - 16, guest::user + guest::bytes - 32, guest::base,
                                      guest::user + guest::bytes, ~std::uint64_t{}, right + 1}) {
      *address = wrong;
      CHECK(refused(where));
    }
    *address = right;
  }
  where.index = 1;
  CHECK(refused(where));
  where = guest::rings();
  where.flags = 1;
  CHECK(refused(where));
  CHECK_FALSE(refused(guest::rings()));
  CHECK(one.perform(VIRTIO_BLK_T_IN, 0, 512) == VIRTIO_BLK_S_OK);
}

TEST_CASE("a queue has a size that is a power of two, and there is one queue") {
  set_up one;
  REQUIRE(one.with.send(static_cast<std::uint32_t>(request::get_vring_base), vu::version, raw(vu::vring_state{})));
  REQUIRE(one.with.answer());
  for (const std::uint32_t size : {0U, 3U, 17U, 65536U, ~0U}) {
    CHECK(one.ask(request::set_vring_num, vu::vring_state{0, size}) == 1);
  }
  CHECK(one.ask(request::set_vring_num, vu::vring_state{0, 32}) == 0);
  for (const request what : {request::set_vring_num, request::set_vring_base, request::set_vring_enable}) {
    CHECK(one.ask(what, vu::vring_state{1, 1}) == 1);
  }
  CHECK(one.ask(request::set_vring_call, std::uint64_t{1}, one.call.fd()) == 1);
  CHECK(one.ask(request::set_vring_call, vu::no_descriptor, one.call.fd()) == 1);
  CHECK(one.ask(request::set_vring_call, std::uint64_t{0}) == 1);
  CHECK(one.ask(request::set_vring_call, std::uint64_t{0}, one.memory.fd()) == 1);
  CHECK(one.ask(request::set_vring_kick, vu::no_descriptor) == 1);
  CHECK(one.ask(request::set_vring_call, vu::no_descriptor) == 0);
}

TEST_CASE("features that were not offered are refused") {
  set_up one;
  for (unsigned i = 0; i != 64; ++i) {
    const bool offered = (driver_features & bit(i)) != 0 || i == VIRTIO_RING_F_EVENT_IDX || i == VIRTIO_BLK_F_SEG_MAX ||
                         i == VIRTIO_BLK_F_BLK_SIZE;
    CHECK(one.ask(request::set_features, bit(i)) == (offered ? 0U : 1U));
  }
  CHECK(one.ask(request::set_protocol_features, std::uint64_t{1} << 15) == 1);
}

TEST_CASE("the configuration is read in pieces, and never past its end") {
  set_up one;
  vu::config_space space{.offset = 0, .size = 8, .flags = 0, .bytes = {}};
  const auto ask = [&](std::size_t room) {
    REQUIRE(one.with.send(static_cast<std::uint32_t>(request::get_config), vu::version,
                          raw(space).first(vu::config_head + room)));
    return *one.with.answer();
  };
  const auto got = ask(8);
  REQUIRE(got.size() == vu::config_head + 8);
  std::uint64_t sectors = 0;
  std::memcpy(&sectors, got.data() + vu::config_head, 8);
  CHECK(sectors == connection::image_bytes / 512);
  space.size = 9;
  CHECK(ask(8).empty());
  space = {.offset = 250, .size = 7, .flags = 0, .bytes = {}};
  CHECK(ask(7).empty());
  space = {.offset = ~0U, .size = 2, .flags = 0, .bytes = {}};
  CHECK(ask(2).empty());
}

TEST_CASE("a chain that is none stops the queue, says so, and touches nothing") {
  set_up one;
  constexpr auto next = VRING_DESC_F_NEXT;
  constexpr auto into = VRING_DESC_F_WRITE;
  constexpr auto indirect = VRING_DESC_F_INDIRECT;
  const std::uint64_t in = guest::address(set_up::data_at);
  const std::uint64_t end = guest::address(guest::bytes);
  struct broken {
    const char* what;
    std::vector<vring_desc> table;
    std::uint16_t head = 0;
    std::uint16_t offered = 1;
  };
  const broken all[] = {
      {"a head past the table", {{in, 16, 0, 0}}, guest::entries},
      {"the last possible head", {{in, 16, 0, 0}}, 0xffff},
      {"a next past the table", {{in, 16, next, guest::entries}}},
      {"a loop of one", {{in, 16, next, 0}}},
      {"a loop of two", {{in, 16, next, 1}, {in, 16, next, 0}}},
      {"a loop of nothing", {{in, 0, next, 0}}},
      {"more requests than entries", {{in, 16, 0, 0}}, 0, guest::entries + 1},
      {"a buffer below the memory", {{guest::base - 1, 16, next, 1}, {in, 1, into, 0}}},
      {"a buffer past the memory", {{end - 15, 16, next, 1}, {in, 1, into, 0}}},
      {"a buffer at no address", {{~std::uint64_t{}, 16, next, 1}, {in, 1, into, 0}}},
      {"a buffer that wraps", {{in, ~0U, next, 1}, {in, 1, into, 0}}},
      {"a status past the memory", {{in, 16, next, 1}, {end, 1, into, 0}}},
      {"no status", {{in, 16, 0, 0}}},
      {"an empty status", {{in, 16, next, 1}, {in, 0, into, 0}}},
      {"no header", {{in, 1, into, 0}}},
      {"half a header", {{in, 15, next, 1}, {in, 1, into, 0}}},
      {"what is written before what is read", {{in, 1, static_cast<std::uint16_t>(into | next), 1}, {in, 16, 0, 0}}},
      {"an indirect table outside", {{end, 32, indirect, 0}}},
      {"an indirect table of half an entry", {{in, 24, indirect, 0}}},
      {"an empty indirect table", {{in, 0, indirect, 0}}},
      {"an indirect table that goes on", {{in, 32, static_cast<std::uint16_t>(indirect | next), 1}, {in, 1, into, 0}}},
      {"an indirect table in its own place", {{guest::address(guest::table_at), 16, indirect, 0}}},
  };
  for (const broken& each : all) {
    INFO(each.what);
    one.memory.wipe();
    CHECK(one.ask(request::set_vring_base, vu::vring_state{0, 0}) == 0);
    CHECK(one.ask(request::set_vring_kick, std::uint64_t{0}, one.kick.fd()) == 0);
    for (std::size_t i = 0; i != each.table.size(); ++i) one.memory.describe(i, each.table[i]);
    one.memory.put(guest::available_at + 4, each.head);
    one.memory.put(guest::available_at + 2, each.offered);
    one.serve();
    CHECK(one.queue_stopped());
    CHECK(one.memory.used() == 0);
    CHECK(one.memory.kept_within());
  }
  one.memory.wipe();
  CHECK(one.ask(request::set_vring_base, vu::vring_state{0, 0}) == 0);
  CHECK(one.ask(request::set_vring_kick, std::uint64_t{0}, one.kick.fd()) == 0);
  CHECK(one.perform(VIRTIO_BLK_T_IN, 0, 512) == VIRTIO_BLK_S_OK);
}

TEST_CASE("what lies behind the table is no part of it, though it would make a request") {
  set_up one;
  constexpr std::uint16_t behind = guest::entries;
  one.memory.put(set_up::header_at, virtio_blk_outhdr{VIRTIO_BLK_T_FLUSH, 0, 0});
  one.memory.put(set_up::status_at, std::uint8_t{0xff});
  one.memory.describe(behind, {guest::address(set_up::header_at), 16, VRING_DESC_F_NEXT, behind + 1});
  one.memory.describe(behind + 1, {guest::address(set_up::status_at), 1, VRING_DESC_F_WRITE, 0});
  one.memory.describe(0, {guest::address(set_up::header_at), 16, VRING_DESC_F_NEXT, behind + 1});
  one.memory.offer(GENERATE(std::uint16_t{guest::entries}, std::uint16_t{0}));
  one.serve();
  CHECK(one.queue_stopped());
  CHECK(one.memory.get<std::uint8_t>(set_up::status_at) == 0xff);
}

TEST_CASE("an indirect chain of any pieces is one request") {
  set_up one;
  one.memory.put(set_up::header_at, virtio_blk_outhdr{VIRTIO_BLK_T_IN, 0, 0});
  std::memset(one.memory.at(set_up::data_at), 'x', 600);
  const std::size_t table = 0x6000;
  const auto put = [&](std::size_t i, const vring_desc& piece) { one.memory.put(table + i * sizeof piece, piece); };
  put(0, {guest::address(set_up::header_at), 7, VRING_DESC_F_NEXT, 1});
  put(1, {guest::address(set_up::header_at + 7), 9, VRING_DESC_F_NEXT, 2});
  put(2, {guest::address(set_up::data_at), 500, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 3});
  put(3, {guest::address(set_up::data_at + 500), 13, VRING_DESC_F_WRITE, 0});
  one.memory.describe(5, {guest::address(table), 4 * sizeof(vring_desc), VRING_DESC_F_INDIRECT, 0});
  one.memory.offer(5);
  one.serve();
  CHECK(one.memory.used_entry(0).id == 5);
  CHECK(one.memory.used_entry(0).len == 513);
  CHECK(std::all_of(one.memory.at(set_up::data_at), one.memory.at(set_up::data_at + 513),
                    [](std::byte b) { return b == std::byte{}; }));
  CHECK(*one.memory.at(set_up::data_at + 513) == std::byte{'x'});
}

TEST_CASE("a queue that is stopped, or whose memory is gone, serves nothing more") {
  set_up one;
  REQUIRE(one.with.send(static_cast<std::uint32_t>(request::get_vring_base), vu::version, raw(vu::vring_state{})));
  REQUIRE(one.with.answer());
  CHECK(one.perform(VIRTIO_BLK_T_IN, 0, 512) == 0xff);
  CHECK(one.ask(request::set_vring_kick, std::uint64_t{0}, one.kick.fd()) == 0);
  one.serve();
  CHECK(one.memory.get<std::uint8_t>(set_up::status_at) == VIRTIO_BLK_S_OK);  // what had been offered meanwhile
  CHECK(one.ask(request::set_mem_table, set_up::table({0, 4096, 0, 0}), one.memory.fd()) == 1);  // rings lie elsewhere
  CHECK(one.perform(VIRTIO_BLK_T_IN, 0, 512) == 0xff);
}

TEST_CASE("half a message and then the end ends the connection") {
  const std::size_t bytes = GENERATE(1U, 11U, 12U, 19U);
  connection with;
  struct {
    vu::header head{static_cast<std::uint32_t>(request::set_features), vu::version, 8};
    std::uint64_t body = 0;
  } __attribute__((packed)) message;
  const event file = event::make().value();
  REQUIRE(with.ours().send(const_buffer{&message, bytes}, file.fd()));
  with.leave();
  CHECK_FALSE(with.handle());
  CHECK(!with.why().empty());
}

TEST_CASE("descriptors that come with the rest of a message end the connection") {
  connection with;
  const vu::header head{static_cast<std::uint32_t>(request::set_vring_call), vu::version, 8};
  const event file = event::make().value();
  REQUIRE(with.ours().send(const_buffer{&head, sizeof head}));
  REQUIRE(with.ours().send(raw(std::uint64_t{0}), file.fd()));
  CHECK_FALSE(with.handle());
}

TEST_CASE("the device ends with its front end, or when it is told to stop") {
  event stop = event::make().value(), resized = event::make().value();
  {
    connection with;
    with.leave();
    CHECK(with.device().run(stop, resized));
  }
  connection with;
  REQUIRE(stop.signal());
  CHECK(with.device().run(stop, resized));
}
