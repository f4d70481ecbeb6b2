#include "foreign/low_memory.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

#include <scm/core/control_items.hpp>
#include <scm/foreign.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

using namespace scm;
using namespace scm::test;

namespace {

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

// Counts the reads, and changes every byte that was read: a second look at it would see another.
class changing_memory final : public foreign_memory {
 public:
  changing_memory(foreign_memory& behind, std::span<std::byte> all, std::uint64_t address)
      : behind_{&behind}, all_{all}, address_{address} {}
  result<std::size_t> read(std::span<const foreign_source> parts) noexcept override {
    ++reads_;
    const auto got = behind_->read(parts);
    for (const auto& part : parts) {
      for (std::size_t i = 0; i != part.into.size(); ++i) {
        const auto at = static_cast<std::size_t>(part.address + i - address_);
        if (at < all_.size()) all_[at] ^= std::byte{0xff};
      }
    }
    return got;
  }
  result<std::size_t> write(std::span<const foreign_target> parts) noexcept override { return behind_->write(parts); }
  [[nodiscard]] int reads() const { return reads_; }

 private:
  foreign_memory* behind_;
  std::span<std::byte> all_;
  std::uint64_t address_;
  int reads_ = 0;
};

passed_message whole_message(const low_memory& in, abi layout) {
  passed_message message{in, layout};
  message.header.name = message.name_at;
  message.header.name_size = 5;
  message.header.control = message.control_at;
  const control_bytes control = control_bytes{layout}.message(SOL_SOCKET, SCM_RIGHTS, {5, 6}).pad();
  message.header.control_size = control.size();
  message.header.flags = 0x1234;
  message.buffers = {{message.payload_at, 3}, {0, 0}, {message.payload_at + 100, 4}};
  message.header.buffer_count = 3;
  in.put(message.name_at, bytes_of("named"));
  in.put(message.control_at, control);
  in.put(message.payload_at, bytes_of("one"));
  in.put(message.payload_at + 100, bytes_of("four"));
  message.write(in);
  return message;
}

memory_image::segment all_of(const low_memory& memory) { return {memory.address(), memory.all()}; }

}  // namespace

TEST_CASE("a message is read with two reads and its payload with a third, each byte once, in both layouts",
          "[foreign]") {
  for (const abi layout : both_layouts) {
    const low_memory pages;
    const passed_message passed = whole_message(pages, layout);
    const std::array segments{all_of(pages)};
    memory_image image{segments};
    changing_memory memory{image, pages.all(), pages.address()};

    const auto message = foreign_message::read(memory, passed.header_at, layout, message_use::send);
    REQUIRE(message);
    CHECK(memory.reads() == 2);
    CHECK(message->header() == passed.header);
    CHECK(message->layout() == layout);
    CHECK(text_of(message->name()) == "named");
    CHECK(std::ranges::equal(message->buffers(), passed.buffers));
    CHECK(message->payload_size() == 7);
    control_view walk{message->control(), layout};
    const auto rights = walk.next();
    REQUIRE(rights);
    CHECK(as_rights(*rights).size() == 2);
    CHECK(as_rights(*rights)[1] == 6);

    std::array<std::byte, 16> payload;
    REQUIRE(message->read_payload(memory, payload) == 7U);
    CHECK(memory.reads() == 3);
    CHECK(text_of(std::span{payload}.first(7)) == "onefour");
  }
}

TEST_CASE("for a receive neither name nor control data is read, and their room is kept", "[foreign]") {
  for (const abi layout : both_layouts) {
    const low_memory pages;
    passed_message passed = whole_message(pages, layout);
    passed.header.name = 8;
    passed.header.name_size = 4000;
    passed.header.control = 16;
    passed.header.control_size = 0xfffffff0;
    passed.write(pages);
    const std::array segments{all_of(pages)};
    memory_image memory{segments};
    const auto message = foreign_message::read(memory, passed.header_at, layout, message_use::receive);
    REQUIRE(message);
    CHECK(message->name().empty());
    CHECK(message->control().empty());
    CHECK(message->control_room() == 0xfffffff0);
    CHECK(message->payload_size() == 7);

    passed.header.control = 0;
    passed.write(pages);
    CHECK(foreign_message::read(memory, passed.header_at, layout, message_use::receive)->control_room() == 0);
  }
}

TEST_CASE("of buffers that are longer than the kernel moves in one call the beginning counts", "[foreign]") {
  const low_memory pages;
  const std::array segments{all_of(pages)};
  memory_image memory{segments};
  for (const abi layout : both_layouts) {
    passed_message passed{pages, layout};
    passed.buffers = {{passed.payload_at, 0x7fff0000}, {passed.payload_at, 0x7fff0000}, {passed.payload_at, 5}};
    passed.header.buffer_count = 3;
    passed.write(pages);
    const auto message = foreign_message::read(memory, passed.header_at, layout, message_use::send);
    REQUIRE(message);
    CHECK(message->payload_size() == limits::foreign_payload_bytes);
    CHECK(message->buffers()[0].size == 0x7fff0000);
    CHECK(message->buffers()[1].size == limits::foreign_payload_bytes - 0x7fff0000);
    CHECK(message->buffers()[2].size == 0);
  }
  // Sums that would wrap.
  passed_message passed{pages, abi::lp64};
  passed.buffers.assign(1024, {0, INT64_MAX});
  passed.header.buffer_count = 1024;
  passed.write(pages);
  const auto message = foreign_message::read(memory, passed.header_at, abi::lp64, message_use::send);
  REQUIRE(message);
  CHECK(message->payload_size() == limits::foreign_payload_bytes);
}

TEST_CASE("control data of 10 MiB is copied, a byte more is not", "[foreign]") {
  const low_memory pages;
  std::vector<std::byte> much(limits::foreign_control_bytes);
  for (const abi layout : both_layouts) {
    passed_message passed{pages, layout};
    passed.header.control = std::uint64_t{1} << 30;
    passed.header.control_size = much.size();
    passed.write(pages);
    std::ranges::copy(control_bytes{layout}.header(much.size(), 99, 7).view(), much.begin());
    const std::array segments{all_of(pages), memory_image::segment{passed.header.control, much}};
    memory_image memory{segments};
    const auto message = foreign_message::read(memory, passed.header_at, layout, message_use::send);
    REQUIRE(message);
    CHECK(std::ranges::equal(message->control(), much));

    ++passed.header.control_size;
    passed.write(pages);
    const auto refused = foreign_message::read(memory, passed.header_at, layout, message_use::send);
    CHECK(number_of(refused) == (layout == abi::lp64 ? ENOBUFS : ENOMEM));
  }
}

TEST_CASE("a payload is copied up to the room for it, and up to the first byte that is not there", "[foreign]") {
  const low_memory pages;
  const passed_message passed = whole_message(pages, abi::native);
  const std::array segments{all_of(pages)};
  memory_image memory{segments};
  const auto message = foreign_message::read(memory, passed.header_at, abi::native, message_use::send);
  REQUIRE(message);
  std::array<std::byte, 7> payload{};
  CHECK(message->read_payload(memory, {}) == 0U);
  REQUIRE(message->read_payload(memory, std::span{payload}.first(4)) == 4U);
  CHECK(text_of(std::span{payload}.first(4)) == "onef");

  const std::array first{memory_image::segment{pages.address(), pages.all().first(8 * low_memory::page + 102)}};
  memory_image cut{first};
  CHECK(message->read_payload(cut, payload) == 5U);
}

TEST_CASE("the answer to a receive is written as the kernel writes it, and nothing else is", "[foreign]") {
  for (const abi layout : both_layouts) {
    const low_memory pages;
    passed_message passed = whole_message(pages, layout);
    const std::array segments{all_of(pages)};
    memory_image memory{segments};
    const auto message = foreign_message::read(memory, passed.header_at, layout, message_use::receive);
    REQUIRE(message);
    std::vector<std::byte> before(pages.all().begin(), pages.all().end());

    const control_bytes control = control_bytes{layout}.message(SOL_SOCKET, SCM_RIGHTS, {9});
    const foreign_answer answer{.payload = bytes_of("ONEFO"),
                                .control = control,
                                .name = bytes_of("someone else"),
                                .flags = MSG_CTRUNC,
                                .length = 5};
    REQUIRE(message->write_back(memory, answer));

    // The same by hand.
    const auto expect = [&](std::uint64_t address, std::span<const std::byte> bytes) {
      std::ranges::copy(bytes, before.begin() + static_cast<std::ptrdiff_t>(address - pages.address()));
    };
    expect(passed.payload_at, bytes_of("ONE"));
    expect(passed.payload_at + 100, bytes_of("FO"));
    expect(passed.control_at, control);
    expect(passed.name_at, bytes_of("someo"));
    passed.header.name_size = 12;
    passed.header.control_size = control.size();
    passed.header.flags = MSG_CTRUNC;
    const bool wide = layout == abi::lp64;
    expect(passed.header_at + (wide ? 8 : 4), control_bytes{}.integer(std::int32_t{12}));
    expect(passed.header_at + (wide ? 48 : 24), control_bytes{}.integer(std::uint32_t{MSG_CTRUNC}));
    control_bytes size{layout};
    expect(passed.header_at + (wide ? 40 : 20), add_word(size, control.size()));
    expect(passed.header_at + (wide ? 56 : 28), control_bytes{}.integer(std::uint32_t{5}));
    CHECK(std::ranges::equal(before, pages.all()));
    CHECK(decode_header(pages.all().subspan(64), layout) == passed.header);

    REQUIRE(message->write_length(memory, 77));
    expect(passed.header_at + (wide ? 56 : 28), control_bytes{}.integer(std::uint32_t{77}));
    CHECK(std::ranges::equal(before, pages.all()));
  }
}

TEST_CASE("where there was no address for a name, its length is left alone", "[foreign]") {
  const low_memory pages;
  passed_message passed = whole_message(pages, abi::native);
  passed.header.name = 0;
  passed.write(pages);
  const std::array segments{all_of(pages)};
  memory_image memory{segments};
  const auto message = foreign_message::read(memory, passed.header_at, abi::native, message_use::receive);
  REQUIRE(message);
  REQUIRE(message->write_back(memory, {.name = bytes_of("nobody")}));
  CHECK(decode_header(pages.all().subspan(64), abi::native).name_size == 5);
}

TEST_CASE("an answer that cannot be written is EFAULT, after what comes before it", "[foreign]") {
  const low_memory pages;
  passed_message passed = whole_message(pages, abi::native);
  passed.header.control = pages.end();
  passed.write(pages);
  const std::array segments{all_of(pages)};
  memory_image memory{segments};
  const auto message = foreign_message::read(memory, passed.header_at, abi::native, message_use::receive);
  REQUIRE(message);
  const control_bytes control = control_bytes{}.message(SOL_SOCKET, SCM_RIGHTS, {9});
  CHECK(number_of(message->write_back(memory, {.payload = bytes_of("ONE"), .control = control})) == EFAULT);
  CHECK(text_of(pages.all().subspan(8 * low_memory::page, 3)) == "ONE");
  CHECK(decode_header(pages.all().subspan(64), abi::native).flags == 0x1234);
}

TEST_CASE("a message of another process is read from its memory and answered there", "[foreign][no-valgrind]") {
  const low_memory pages;
  int ready[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const owned_fd out{ready[0]}, in{ready[1]};
  for (const abi layout : both_layouts) {
    std::ranges::fill(pages.all(), std::byte{0});
    child other{[&] {
      (void)whole_message(pages, layout);
      (void)!::write(in.native_handle(), "x", 1);
      while (pages.all()[8 * low_memory::page] != std::byte{'O'}) ::usleep(1000);
      const auto after = decode_header(pages.all().subspan(64), layout);
      return after.flags == MSG_TRUNC && after.control_size == 0 && after.name_size == 2 &&
             text_of(pages.all().subspan(512, 5)) == "memed" &&
             text_of(pages.all().subspan(8 * low_memory::page, 3)) == "ONE";
    }};
    char byte{};
    REQUIRE(::read(out.native_handle(), &byte, 1) == 1);
    process_memory memory{other.pid()};
    const auto message = foreign_message::read(memory, pages.address() + 64, layout, message_use::send);
    REQUIRE(message);
    CHECK(text_of(message->name()) == "named");
    std::array<std::byte, 7> payload{};
    REQUIRE(message->read_payload(memory, payload) == 7U);
    CHECK(text_of(payload) == "onefour");
    // The payload is what the child waits for, and comes first: stop it so that it sees all or nothing.
    other.signal(SIGSTOP);
    REQUIRE(message->write_back(memory, {.payload = bytes_of("ONE"), .name = bytes_of("me"), .flags = MSG_TRUNC}));
    other.signal(SIGCONT);
    CHECK(other.succeeded());
  }
}
