// No numbers left in the descriptor table, too much in flight, too much in each message: exact outcomes, and recovery.
#include "hostile/scene.hpp"
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/descriptor_table.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/queued.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>
#include <scm/inspect.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using test::scene;

namespace {
std::array<std::byte, 8> buffer;

constexpr int most_free = 8;

// Of `call`, which makes as many descriptors as `needs` says: with fewer numbers free it is EMFILE and leaves nothing,
// with as many it succeeds, and what it made is closed again. `prepare` comes before, with numbers in plenty.
template <class Call>
void needs_numbers(int needs, const char* what, Call call, const std::function<void()>& prepare = [] {}) {
  const auto before = test::descriptor_table::now();
  for (int free = 0; free <= most_free; ++free) {
    INFO(what << " with " << free << " numbers free");
    prepare();
    const std::error_code code = [&]() -> std::error_code {
      const test::descriptor_limit few{test::descriptor_limit::leaving_free(free)};
      const auto made = call();
      return made ? std::error_code{} : made.error();
    }();
    CHECK(code == (free < needs ? std::error_code{EMFILE, std::system_category()} : std::error_code{}));
    CHECK(difference(before, test::descriptor_table::now()).empty());
  }
}

address at(const std::string& path) { return address::path(path).value(); }

}  // namespace

TEMPLATE_TEST_CASE("making a channel takes the numbers that it needs, or is EMFILE and takes none", "[exhaustion]",
                   stream, datagram, seqpacket) {
  scene<TestType> here;
  needs_numbers(2, "a pair", [] { return TestType::pair(); });
  needs_numbers(1, "connecting", [&] { return TestType::connect(here.at()); });
  if constexpr (scene<TestType>::connected) {
    while (here.door().try_accept()) {
    }
    std::vector<TestType> waiting;
    for (int i = 0; i != most_free; ++i) waiting.push_back(TestType::connect(here.at()).value());
    needs_numbers(1, "accepting", [&] { return here.door().try_accept(); });
    CHECK(here.door().try_accept().error() == std::errc::resource_unavailable_try_again);  // each was accepted once
  } else {
    needs_numbers(1, "opening", [] { return TestType::open(); });
  }
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("adopting takes no number", "[exhaustion]", stream, datagram, seqpacket) {
  for (int free = 0; free <= most_free; ++free) {
    auto [left, right] = TestType::pair().value();
    owned_fd socket = std::move(right).release();
    const test::descriptor_limit few{test::descriptor_limit::leaving_free(free)};
    auto adopted = TestType::adopt(std::move(socket));
    REQUIRE(adopted);
    REQUIRE(left.send("x"));
    CHECK(adopted->receive(buffer, 0)->size == 1);
  }
}

TEMPLATE_TEST_CASE("binding takes the numbers that it needs, or is EMFILE and leaves neither a number nor a file",
                   "[exhaustion]", stream, datagram, seqpacket) {
  const auto bind = [](const address& at, bool replace_stale) {
    if constexpr (scene<TestType>::connected) {
      return listener<TestType>::bind(at, {.file = {.replace_stale = replace_stale}});
    } else {
      return datagram::bind(at, {.replace_stale = replace_stale});
    }
  };
  const test::temporary_folder where;
  const std::string path = where / "socket";
  const auto is_empty = [&] { return std::filesystem::is_empty(where.path()); };
  needs_numbers(1, "binding to an abstract name", [&] { return bind(address::autobind(), false); });
  needs_numbers(2, "binding to a path", [&] { return bind(at(path), false); }, [&] { CHECK(is_empty()); });
  needs_numbers(3, "binding with a lock", [&] { return bind(at(path), true); }, [&] { CHECK(is_empty()); });
  CHECK(is_empty());
  needs_numbers(
      3, "replacing a stale file", [&] { return bind(at(path), true); },
      [&] {
        CHECK_FALSE(std::filesystem::exists(path + ".lock"));
        std::filesystem::remove(path);
        auto dead = listener<stream>::bind(at(path)).value();
        dead.keep_file();
      });
  CHECK(is_empty());
}

TEST_CASE("duplicating takes one number, or is EMFILE", "[exhaustion]") {
  const owned_fd file = test::scratch_file();
  needs_numbers(1, "duplicating", [&] { return duplicate(file); });
}

TEST_CASE("describing succeeds without a number, and leaves out what must be opened to be read", "[exhaustion]") {
  const owned_fd file = test::scratch_file();
  description whole = test::described(file);
  for (int free = 0; free <= most_free; ++free) {
    INFO(free << " numbers free");
    const auto before = test::descriptor_table::now();
    const auto what = [&] {
      const test::descriptor_limit few{test::descriptor_limit::leaving_free(free)};
      return describe(file);
    }();
    REQUIRE(what);
    auto expected = whole;
    if (free == 0) expected.offset.reset();
    CHECK((*what == expected));
    CHECK(difference(before, test::descriptor_table::now()).empty());
  }
}

TEMPLATE_TEST_CASE("without a number the peer of a connection has no pidfd, and all the rest of its identity",
                   "[exhaustion]", stream, datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  const bool pidfds = right.peer().pidfd.value.has_value();
  for (int free = 0; free <= most_free; ++free) {
    INFO(free << " numbers free");
    const test::descriptor_limit few{test::descriptor_limit::leaving_free(free)};
    const int lowest = free == 0 ? 0 : test::lowest_free();
    {
      const peer_identity peer = right.peer();
      CHECK(peer.process.value == credentials::own());
      CHECK(peer.groups.value);
      if (pidfds && free == 0) CHECK(peer.pidfd.value.error() == std::errc::too_many_files_open);
      if (pidfds && free != 0) CHECK(peer.pidfd.value);
    }
    if (free != 0) CHECK(test::lowest_free() == lowest);
  }
}

TEMPLATE_TEST_CASE("with 0 to 8 numbers free, 0 to 8 descriptors come whole, or an exact error says why not",
                   "[exhaustion]", stream, datagram, seqpacket) {
  test::witness watched;
  {
    const owned_fd file = watched.give();
    for (const bool with_pidfd : {false, true}) {
      for (const std::optional<std::size_t> reserve : {std::optional<std::size_t>{}, {0U}, {1U}, {3U}}) {
        for (std::size_t count = 0; count <= most_free; ++count) {
          for (std::size_t free = 0; free <= most_free; ++free) {
            auto [left, right] = TestType::pair().value();
            const std::size_t pidfd = with_pidfd && right.set(receive_item::pidfd, true) ? 1 : 0;
            INFO(count << " descriptors, " << pidfd << " pidfd, " << free << " free, reserve "
                       << (reserve ? std::to_string(*reserve) : "none"));
            REQUIRE(left.send("x", std::vector<borrowed_fd>(count, file)));
            const int lowest = test::lowest_free();
            const auto receive = [&, &from = right] {
              const test::descriptor_limit few{test::descriptor_limit::leaving_free(static_cast<int>(free))};
              return from.receive(buffer, count, {.until = test::patience(), .reserve = reserve});
            };
            const bool room = !reserve || count + 1 + pidfd + *reserve <= free;
            if (!room) {
              CHECK(receive().error() == errc::no_headroom);
              const auto later = right.receive(buffer, count, {.until = test::patience(), .reserve = reserve});
              REQUIRE(later);  // nothing was lost
              CHECK(later->descriptors.size() == count);
            } else if (count > free) {
              const auto got = receive();
              CHECK(got.error() == errc::descriptors_lost);
              CHECK(got.error().installed == free);
            } else if (count + pidfd > free) {
              CHECK(receive().error() == errc::refused);  // the pidfd's number
            } else {
              const auto got = receive();
              REQUIRE(got);
              CHECK(got->descriptors.size() == count);
              CHECK(static_cast<bool>(got->sender_pidfd) == (pidfd == 1));
            }
            CHECK(test::lowest_free() == lowest);
          }
        }
      }
    }
  }
  CHECK(watched.closed());
}

TEMPLATE_TEST_CASE("past the limit of descriptors in flight, each one that is received lets exactly one more go",
                   "[exhaustion]", stream, datagram, seqpacket) {
  test::child somebody{[] {
    if (!test::become_somebody_else()) return false;
    auto [left, right] = TestType::pair().value();
    test::witness watched;
    {
      owned_fd file = watched.give();
      const std::vector<borrowed_fd> many(200, file);
      constexpr rlim_t limit = 32;
      std::optional<test::descriptor_limit> few{limit};
      rlim_t queued = 0;
      result<std::size_t, send_error> sent = 0;
      while (queued <= limit && (sent = left.try_send("x", {file}))) ++queued;
      // One over the limit goes: the kernel compares before it adds (kernel fact A12).
      if (queued == 0 || (queued > limit && (sent = left.try_send("x", {file})))) return false;
      for (int i = 0; i != 10; ++i) {
        if (sent.error() != errc::too_many_in_flight) return false;
        if (right.receive(buffer, 1, {.until = test::patience()})->descriptors.size() != 1) return false;
        if (!left.try_send("x", {file})) return false;
        sent = left.try_send("x", {file});
      }
      if (left.send("x", {file}).error() != errc::too_many_in_flight) return false;
      if (left.send("x", {file}, {.until = in(3ms)}).error() != std::errc::timed_out) return false;
      owned_fd kept = duplicate(file).value();
      if (left.send_owned("x", kept).error() != errc::too_many_in_flight || !kept) return false;
      if (!left.send("bytes alone still go")) return false;

      // A message is compared as a whole, too: 200 go where one goes, and then none.
      few.reset();
      std::size_t received = 0;
      std::array<std::byte, 64> room;
      while (const auto got = right.try_receive(room, 1)) received += got->descriptors.size();
      if (received != queued) return false;
      few.emplace(limit);
      if (!left.try_send("x", many) || left.try_send("x", {file}).error() != errc::too_many_in_flight) return false;
      few.reset();
      if (right.receive(room, 200, {.until = test::patience()})->descriptors.size() != 200) return false;
    }
    return watched.closed() && test::honest_message(left, right);
  }};
  CHECK(somebody.succeeded());
}

TEMPLATE_TEST_CASE("after a thousand messages over the limit the next honest one arrives", "[exhaustion]", stream,
                   datagram, seqpacket) {
  scene<TestType> here;
  test::witness watched;
  {
    const owned_fd file = watched.give();
    const std::vector<borrowed_fd> many(253, file);
    for (std::size_t i = 0; i != 1000; ++i) {
      INFO("message " << i);
      const int lowest = test::lowest_free();
      const std::size_t max = i % 4;
      REQUIRE(here.peer().send("x", std::span{many}.first(max + 1 + i % 250)));
      REQUIRE(here.ours().receive(buffer, max, {.until = test::patience()}).error() == errc::over_limit);
      REQUIRE(test::lowest_free() == lowest);
      if (std::same_as<TestType, stream>) here.next_peer();
    }
  }
  CHECK(watched.closed());
  CHECK(here.serves());
}
