// The example's block device against any front end and guest: it returns from every message and every kick, writes
// nothing around the memory it was given nor past the end of its image, and keeps no descriptor and no mapping.
//
// Input: steps, each a byte and what it needs: a message with descriptors of fourteen kinds, a message that is cut, a
// set-up as it should be, an entry of the rings, a request. Past its end nothing more happens.
#include "check.hpp"

#include "vhost_user/guest.hpp"

#include <scm/fuzz/input.hpp>

#include <cstdio>
#include <string>

namespace {

using namespace scm;
using namespace scm::test;
using vu::request;

constexpr std::size_t image_bytes = 64 << 10;
constexpr std::size_t most_steps = 64;
constexpr std::uint64_t everything = ~std::uint64_t{};

// What lives from input to input, none of which an input changes for the next one.
class world {
 public:
  guest memory;
  owned_fd image = image_file(image_bytes);
  event kick = event::make().value();
  event call = event::make().value();
  std::uint64_t messages = 0;

  world() {
    const std::string mine = "/proc/self/fd/" + std::to_string(memory.fd().native_handle());
    const auto keep = [&](int number) { kinds_.push_back(opened_or_abort(number)); };
    keep(::dup(memory.fd().native_handle()));
    keep(sized_memfd(2 * guest::around + guest::bytes, 0).release());
    keep(sized_memfd(4096, F_SEAL_SHRINK).release());
    keep(::open(mine.c_str(), O_RDONLY | O_CLOEXEC));
    keep(::open(mine.c_str(), O_PATH | O_CLOEXEC));
    keep(image_file(2 * guest::around + guest::bytes).release());
    keep(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    keep(::dup(kick.fd().native_handle()));
    keep(::dup(call.fd().native_handle()));
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      int ends[2];
      if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
      keep(ends[0]);
      keep(ends[1]);
    }
    keep(::open("/dev/null", O_RDWR | O_CLOEXEC));
    keep(::epoll_create1(EPOLL_CLOEXEC));
    keep(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  }
  ~world() { std::fprintf(stderr, "%llu messages\n", static_cast<unsigned long long>(messages)); }

  [[nodiscard]] borrowed_fd kind(std::size_t which) const { return kinds_[which % kinds_.size()]; }

 private:
  std::vector<owned_fd> kinds_;
};

// The number that the next descriptor gets: one that is left open takes it away.
int next_number() {
  const int number = ::dup(STDERR_FILENO);
  FUZZ_CHECK(number >= 0);
  ::close(number);
  return number;
}

std::size_t mappings() {
  std::size_t found = 0;
  std::FILE* const maps = std::fopen("/proc/self/maps", "re");
  FUZZ_CHECK(maps != nullptr);
  for (char line[512]; std::fgets(line, sizeof line, maps) != nullptr;) {
    found += std::strstr(line, "memfd:guest") != nullptr ? 1 : 0;
  }
  std::fclose(maps);
  return found;
}

// One connection, as far as the input takes it.
class front_end {
 public:
  front_end(world& in, fuzz::input& bytes)
      : world_{in}, bytes_{bytes}, disk_{vu::disk::open(duplicate(in.image).value(), (byte() & 1) != 0)} {
    FUZZ_CHECK(disk_);
    auto ends = stream::pair().value();
    ours_.emplace(std::move(ends.first));
    device_.emplace(std::move(ends.second), *disk_, nullptr);
  }

  void run() {
    for (std::size_t steps = 0; steps != most_steps && !bytes_.empty() && going_; ++steps) step();
    if (going_) {
      ours_.reset();
      going_ = handle();
      FUZZ_CHECK(!going_);  // the end of file is the end
    }
  }

 private:
  std::uint8_t byte() { return bytes_.take<std::uint8_t>(); }

  // Numbers at which something changes, and others.
  std::uint64_t number() {
    constexpr std::uint64_t known[] = {0,
                                       1,
                                       2,
                                       8,
                                       guest::entries,
                                       vu::no_descriptor,
                                       guest::base,
                                       guest::base + guest::bytes,
                                       guest::user,
                                       guest::user + guest::bytes,
                                       guest::bytes,
                                       guest::around,
                                       everything,
                                       everything >> 1,
                                       vu::protocol_features,
                                       std::uint64_t{1} << VIRTIO_F_VERSION_1};
    const std::uint8_t how = byte();
    if (how < 16) return known[how];
    if (how < 32) return known[how - 16] - 1;
    if (how < 48) return known[how - 32] + byte();
    if (how < 64) return known[how - 48] | known[byte() % std::size(known)];
    return how < 192 ? how : bytes_.take<std::uint64_t>();
  }

  bool handle() {
    const auto more = device_->handle();
    return more && *more;
  }

  void send(std::uint32_t what, std::uint32_t flags, std::uint32_t said, std::span<const std::byte> body,
            std::span<const borrowed_fd> files) {
    const vu::header head{what, flags, said};
    const const_buffer parts[] = {{&head, sizeof head}, {body.data(), body.size()}};
    FUZZ_CHECK(ours_->send_all(parts, files, {.until = dont_wait}));
    ++world_.messages;
    // A payload that does not come is waited for: its front end leaves first.
    if (said > body.size()) ours_.reset();
    going_ = handle();
    if (!ours_) {
      FUZZ_CHECK(!going_);
      return;
    }
    std::array<std::byte, 512> answer;
    while (ours_->try_receive(answer, 0)) {
    }
    if (going_ && body.size() > said) {  // the rest passes for messages, of which the last is cut
      ours_.reset();
      while (handle()) {
      }
      going_ = false;
      return;
    }
    if (going_) device_->serve();
  }
  template <class Body>
  void tell(request what, const Body& body, std::span<const borrowed_fd> files = {}) {
    if (!going_) return;
    send(static_cast<std::uint32_t>(what), vu::version, sizeof body, raw(body), files);
  }

  void set_up(std::uint64_t features) {
    struct {
      std::uint32_t count = 1, padding = 0;
      vu::memory_region region = guest::region();
    } table;
    const borrowed_fd memory[] = {world_.memory.fd()}, kick[] = {world_.kick.fd()}, call[] = {world_.call.fd()};
    tell(request::set_features, features);
    tell(request::set_protocol_features, vu::protocol::reply_ack | vu::protocol::config);
    tell(request::set_mem_table, table, memory);
    tell(request::set_vring_num, vu::vring_state{0, guest::entries});
    tell(request::set_vring_base, vu::vring_state{0, world_.memory.available()});
    tell(request::set_vring_addr, guest::rings());
    tell(request::set_vring_call, std::uint64_t{0}, call);
    tell(request::set_vring_kick, std::uint64_t{0}, kick);
    tell(request::set_vring_enable, vu::vring_state{0, 1});
  }

  void message() {
    const std::uint8_t which = byte();
    const std::uint32_t what = which < 0xf0 ? which % 48 : bytes_.take<std::uint32_t>();
    const std::uint8_t style = byte();
    std::uint32_t flags = vu::version | ((style & 1) != 0 ? vu::need_reply : 0);
    if ((style & 0xf0) == 0xf0) flags = bytes_.take<std::uint32_t>();
    const auto rule = vu::shape_of(static_cast<request>(what));
    std::uint32_t size = rule ? ((style & 2) != 0 ? rule->least : rule->most) : byte();

    vu::payload body{};
    switch (static_cast<request>(what)) {
      case request::set_mem_table: {
        body.memory.count = (style & 4) != 0 ? byte() : 1 + style / 64;
        for (std::size_t i = 0; i != vu::most_regions; ++i) {
          body.memory.regions[i] = guest::region();
          if (i < body.memory.count && byte() >= 128) {
            body.memory.regions[i] = {number(), number(), number(), number()};
          }
        }
        break;
      }
      case request::set_vring_addr:
        body.addresses = guest::rings();
        if ((style & 4) != 0) body.addresses.descriptors = number();
        if ((style & 8) != 0) body.addresses.used = number();
        if ((style & 16) != 0) body.addresses.available = number();
        if ((style & 32) != 0) body.addresses.index = byte();
        break;
      case request::get_config:
        body.config = {.offset = static_cast<std::uint32_t>(number()),
                       .size = static_cast<std::uint32_t>(number()),
                       .flags = 0,
                       .bytes = {}};
        break;
      default:
        body.number = (style & 4) != 0 ? number() : std::uint64_t{byte()} << 32;
        break;
    }

    std::vector<borrowed_fd> files;
    constexpr std::size_t counts[] = {0, 1, 2, 3, 7, 8, 9, 253};
    const std::uint8_t many = byte();
    std::size_t count = rule ? rule->least_files : 0;
    if (static_cast<request>(what) == request::set_mem_table) count = body.memory.count;
    if (many >= 128 || count > 253) count = counts[many % std::size(counts)];
    for (std::size_t i = 0; i != count; ++i) files.push_back(world_.kind(i < 8 ? byte() : i));

    const std::size_t sent = size;
    if (byte() >= 0xf8) size = static_cast<std::uint32_t>(number());  // what is said of it is not so
    send(what, flags, size, raw(body).first(std::min(sent, sizeof body)), files);
  }

  // Any value of a ring, or of a request's pieces.
  void describe() {
    const std::size_t index = byte() % (guest::entries + 2U);
    const std::uint8_t style = byte();
    vring_desc piece{guest::address(0x8000 + byte() * std::size_t{512}), byte() * 64U,
                     static_cast<std::uint16_t>(style & 7), static_cast<std::uint16_t>((style >> 3) & 15)};
    if (byte() >= 192) piece.addr = number();
    if (byte() >= 192) piece.len = static_cast<std::uint32_t>(number());
    if (byte() >= 240) piece.next = static_cast<std::uint16_t>(number());
    world_.memory.describe(index, piece);
  }

  // A request as drivers make it, but for what the input says.
  void ask() {
    const std::uint8_t style = byte();
    constexpr std::uint32_t types[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID};
    const std::uint32_t type = (style & 4) != 0 ? byte() : types[style & 3];
    const std::uint64_t sector = (style & 8) != 0 ? number() : byte();
    world_.memory.put(0x4000, virtio_blk_outhdr{type, 0, sector});
    const auto into = static_cast<std::uint16_t>(type == VIRTIO_BLK_T_OUT ? 0 : VRING_DESC_F_WRITE);
    world_.memory.describe(0, {guest::address(0x4000), 16, VRING_DESC_F_NEXT, 1});
    world_.memory.describe(1, {(style & 16) != 0 ? number() : guest::address(0x8000),
                               (style & 32) != 0 ? static_cast<std::uint32_t>(number()) : 512U * (1 + style / 64),
                               static_cast<std::uint16_t>(into | VRING_DESC_F_NEXT), 2});
    world_.memory.describe(2, {guest::address(0x4100), 1, VRING_DESC_F_WRITE, 0});
    world_.memory.offer(0);
    kick();
  }

  void kick() {
    FUZZ_CHECK(world_.kick.signal());
    device_->serve();
  }

  void step() {
    const std::uint8_t what = byte();
    switch (what % 16) {
      case 0:
        set_up(std::uint64_t{1} << VIRTIO_F_VERSION_1 | vu::protocol_features |
               std::uint64_t{what / 16U % 4U} << VIRTIO_RING_F_INDIRECT_DESC);
        break;
      case 1:
        describe();
        break;
      case 2:
        world_.memory.offer(byte());
        kick();
        break;
      case 3:
        ask();
        break;
      case 4: {
        const auto offset = static_cast<std::size_t>(byte() % 64U + (byte() % 4U) * 0x1000U);
        world_.memory.put(offset, bytes_.take<std::uint16_t>());
        kick();
        break;
      }
      case 5:
        device_->measure();
        break;
      case 6:
      case 7:
      case 8:
        ask();
        break;
      default:
        message();
        break;
    }
  }

  world& world_;
  fuzz::input& bytes_;
  vu::answer<vu::disk> disk_;
  std::optional<stream> ours_;
  std::optional<vu::session> device_;
  bool going_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static world all;
  const int next = next_number();
  all.memory.wipe();
  const int image_number = all.image.native_handle();
  FUZZ_CHECK(::ftruncate(image_number, 0) == 0 && ::ftruncate(image_number, image_bytes) == 0);
  fuzz::input bytes{{data, size}};
  front_end{all, bytes}.run();
  (void)all.kick.take(dont_wait);
  (void)all.call.take(dont_wait);
  FUZZ_CHECK(all.memory.kept_within());
  FUZZ_CHECK(next_number() == next);
  struct stat image;
  FUZZ_CHECK(::fstat(image_number, &image) == 0 && image.st_size == image_bytes);
  static unsigned inputs = 0;
  if (++inputs % 256 == 1) FUZZ_CHECK(mappings() == 1);
  return 0;
}
