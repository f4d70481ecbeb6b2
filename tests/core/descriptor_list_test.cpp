// The descriptors of one message: who owns them, in which order, and that refused slots are never closed.
#include "support/catch.hpp"
#include "support/descriptor_table.hpp"
#include "support/witness.hpp"

#include <scm/core/descriptor_list.hpp>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

using scm::borrowed_fd;
using scm::descriptor_list;
using scm::owned_fd;
using scm::test::descriptor_table;
using scm::test::witness;

static_assert(!std::is_copy_constructible_v<descriptor_list> && !std::is_copy_assignable_v<descriptor_list>);
static_assert(std::is_nothrow_move_constructible_v<descriptor_list> &&
              std::is_nothrow_move_assignable_v<descriptor_list>);

namespace {

constexpr std::size_t inline_slots = 33;

// A list of `count` pipes, and the witnesses of what becomes of them.
struct filled {
  explicit filled(std::size_t count) : files(count) {
    REQUIRE(list.reserve(count));
    for (witness& file : files) REQUIRE(list.adopt(file.give_number()));
  }
  bool all(bool closed) const {
    for (const witness& file : files) {
      if (file.closed() != closed) return false;
    }
    return true;
  }
  bool in_order(const descriptor_list& of) const {
    if (of.size() != files.size()) return false;
    for (std::size_t i = 0; i != files.size(); ++i) {
      if (!files[i].is(of[i])) return false;
    }
    return true;
  }

  std::vector<witness> files;
  descriptor_list list;
};

}  // namespace

TEST_CASE("a new list has no slot") {
  descriptor_list list;
  CHECK(list.empty());
  CHECK(list.size() == 0);
  CHECK(list.view().empty());
  CHECK_FALSE(list[0]);
  CHECK_FALSE(list.take(0));
  CHECK_FALSE(list.refusal(0));
}

TEST_CASE("a list keeps the order and closes all that was not taken") {
  const std::size_t count = GENERATE(1u, 3u, 32u, 33u, 34u, 60u);
  auto made = std::make_unique<filled>(count);
  CHECK(made->in_order(made->list));
  CHECK(made->list.view().size() == count);
  for (std::size_t i = 0; i != count; ++i) CHECK(made->list.view()[i] == made->list[i]);
  const owned_fd kept = made->list.take(count / 2);
  std::vector<witness> files = std::move(made->files);
  made.reset();
  for (std::size_t i = 0; i != count; ++i) CHECK(files[i].closed() == (i != count / 2));
  CHECK(files[count / 2].is(kept));
}

TEST_CASE("a taken slot stays in its place and is empty") {
  filled made{3};
  const owned_fd taken = made.list.take(1);
  CHECK(made.files[1].is(taken));
  CHECK(made.list.size() == 3);
  CHECK(made.files[0].is(made.list[0]));
  CHECK_FALSE(made.list[1]);
  CHECK(made.files[2].is(made.list[2]));
  CHECK_FALSE(made.list.take(1));
  CHECK(made.list.refusal(1) == std::error_code{});
  CHECK(made.list.view()[1].native_handle() < 0);
}

TEST_CASE("a slot that does not exist is empty") {
  filled made{2};
  for (const std::size_t slot : {std::size_t{2}, std::size_t{33}, SIZE_MAX}) {
    CHECK_FALSE(made.list[slot]);
    CHECK_FALSE(made.list.take(slot));
    CHECK(made.list.refusal(slot) == std::error_code{});
  }
  CHECK(made.all(false));
}

TEST_CASE("a refused slot tells why and is never closed") {
  const int error = GENERATE(1, 13, 24, 4095);
  const auto before = descriptor_table::now();
  {
    descriptor_list list;
    REQUIRE(list.adopt(-error));
    witness file;
    REQUIRE(list.adopt(file.give()));
    CHECK(list.size() == 2);
    CHECK_FALSE(list[0]);
    CHECK(list.view()[0].native_handle() == -error);
    CHECK(list.refusal(0) == std::error_code{error, std::system_category()});
    CHECK(list.refusal(1) == std::error_code{});
    CHECK_FALSE(list.take(0));
    CHECK(list.refusal(0) == std::error_code{error, std::system_category()});
    list.clear();
    CHECK(file.closed());
  }
  CHECK(difference(before, descriptor_table::now()).empty());
}

TEST_CASE("an empty owner makes an empty slot and not a refusal") {
  descriptor_list list;
  REQUIRE(list.adopt(owned_fd{}));
  CHECK(list.size() == 1);
  CHECK_FALSE(list[0]);
  CHECK_FALSE(list.take(0));
  CHECK(list.refusal(0) == std::error_code{});
}

TEST_CASE("clear closes everything and the list works on") {
  const std::size_t count = GENERATE(2u, 40u);
  filled made{count};
  made.list.clear();
  CHECK(made.list.empty());
  CHECK(made.all(true));
  witness next;
  REQUIRE(made.list.adopt(next.give()));
  CHECK(next.is(made.list[0]));
}

TEST_CASE("closing a list keeps errno even when a close fails") {
  witness file;
  errno = ENOTTY;
  {
    descriptor_list list;
    REQUIRE(list.adopt(INT_MAX));  // a number that is not open: close(2) answers EBADF
    REQUIRE(list.adopt(file.give()));
    REQUIRE(list.adopt(INT_MAX));
  }
  CHECK(errno == ENOTTY);
  CHECK(file.closed());
}

TEST_CASE("a move hands all descriptors over and closes what the target had") {
  const std::size_t count = GENERATE(2u, 33u, 40u);
  const std::size_t target_count = GENERATE(0u, 1u, 50u);
  filled made{count};
  descriptor_list constructed{std::move(made.list)};
  CHECK(made.in_order(constructed));
  CHECK(made.list.empty());

  filled target{target_count};
  target.list = std::move(constructed);
  CHECK(target.all(true));
  CHECK(made.in_order(target.list));
  CHECK(constructed.empty());  // NOLINT(bugprone-use-after-move): empty by contract
  CHECK(made.all(false));

  witness next;
  REQUIRE(constructed.adopt(next.give()));
  CHECK(next.is(constructed[0]));
}

TEST_CASE("assigning a list to itself keeps its descriptors") {
  filled made{3};
  descriptor_list& same = made.list;
  made.list = std::move(same);
  CHECK(made.in_order(made.list));
}

TEST_CASE("33 slots need no room to be taken") {
  witness file;
  const owned_fd one = file.give();
  descriptor_list list;
  for (std::size_t i = 0; i != inline_slots; ++i) REQUIRE(list.adopt(scm::duplicate(one).value()));
  CHECK(list.size() == inline_slots);
}

TEST_CASE("a descriptor past the reserved room is closed and not kept") {
  filled made{inline_slots};
  witness spilled;
  CHECK_FALSE(made.list.adopt(spilled.give_number()));
  CHECK(spilled.closed());
  witness owned;
  CHECK_FALSE(made.list.adopt(owned.give()));
  CHECK(owned.closed());
  const auto before = descriptor_table::now();
  CHECK_FALSE(made.list.adopt(-13));
  CHECK(difference(before, descriptor_table::now()).empty());
  CHECK(made.in_order(made.list));
}

TEST_CASE("reserved room holds as many slots as it was taken for") {
  descriptor_list list;
  REQUIRE(list.reserve(254));
  REQUIRE(list.reserve(1));
  witness file;
  REQUIRE(list.adopt(file.give()));
  for (int i = 1; i != 254; ++i) REQUIRE(list.adopt(-24));
  CHECK(list.size() == 254);
  CHECK(file.is(list[0]));
  REQUIRE(list.reserve(300));
  CHECK(file.is(list[0]));
  CHECK(list.size() == 254);
}

TEST_CASE("room that no memory can give is an error and changes nothing") {
  filled made{2};
  const auto room = made.list.reserve(SIZE_MAX / 2);
  REQUIRE_FALSE(room.has_value());
  CHECK(room.error() == std::errc::not_enough_memory);
  CHECK(made.in_order(made.list));
}
