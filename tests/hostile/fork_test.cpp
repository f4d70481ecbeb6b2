// A thread makes and receives descriptors while another starts programs: none of them sees one.
#include "support/catch.hpp"
#include "support/descriptor_table.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/sanitized.hpp"

#include <scm/channel.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace scm;

namespace {

// Sanitizers make each start of a program take many times as long.
constexpr bool sanitized = SCM_SANITIZED;

// Programs started beside each of the ten ways to get a descriptor below: 10,000 in all.
constexpr int programs = sanitized ? 100 : 1000;

// The highest number that a program looks at, and that anything here gets.
constexpr rlim_t numbers = 64;

// Repeats `get` in a thread of its own while programs start, and returns how many of these inherited nothing: all
// `programs`, but for a failure of `get`, which is none.
template <class Get>
int programs_that_inherit_nothing(Get get) {
  // What this program was itself started with is not ours to close.
  std::vector<std::string> arguments{LIST_DESCRIPTORS};
  const auto inherited = test::descriptor_table::now();
  for (const auto& entry : inherited.entries()) {
    if ((entry.descriptor_flags & FD_CLOEXEC) == 0) arguments.push_back(std::to_string(entry.number));
  }
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const test::descriptor_limit few{numbers};
  std::atomic<bool> stop = false;
  std::atomic<bool> failed = false;
  std::atomic<int> rounds = 0;
  std::thread busy{[&] {
    while (!stop && !failed) {
      if (!get()) failed = true;
      ++rounds;
    }
  }};
  while (rounds == 0 && !failed) std::this_thread::yield();
  int clean = 0;
  for (int i = 0; i != programs && !failed; ++i) {
    pid_t pid = -1;
    int status = -1;
    if (::posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0) break;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) break;
    ++clean;
  }
  stop = true;
  busy.join();
  return failed ? 0 : clean;
}

}  // namespace

TEMPLATE_TEST_CASE("no program sees a descriptor that another thread receives at that moment", "[fork]", stream,
                   datagram, seqpacket) {
  auto [left, right] = TestType::pair().value();
  const bool pidfd = right.set(receive_item::pidfd, true).has_value();
  const owned_fd file = test::scratch_file();
  const std::vector<borrowed_fd> many(20, file);
  std::array<std::byte, 8> buffer;
  CHECK(programs_that_inherit_nothing([&, &from = left, &to = right] {
          if (!from.send("x", many)) return false;
          const auto got = to.receive(buffer, many.size());
          return got && got->descriptors.size() == many.size() && static_cast<bool>(got->sender_pidfd) == pidfd;
        }) == programs);
}

TEMPLATE_TEST_CASE("no program sees a pair that another thread makes at that moment", "[fork]", stream, datagram,
                   seqpacket) {
  CHECK(programs_that_inherit_nothing([] { return TestType::pair().has_value(); }) == programs);
}

TEMPLATE_TEST_CASE("no program sees a listener, a connection or either of its ends that another thread makes", "[fork]",
                   stream, seqpacket) {
  CHECK(programs_that_inherit_nothing([] {
          auto server = listener<TestType>::bind(address::autobind());
          if (!server) return false;
          auto client = TestType::connect(server->local_address().value());
          auto accepted = server->accept();
          return client && accepted && accepted->peer().process.value.has_value();  // which has a pidfd, too
        }) == programs);
}

TEST_CASE("no program sees a datagram socket or its file that another thread makes", "[fork]") {
  CHECK(programs_that_inherit_nothing([] {
          auto server = datagram::bind(address::autobind());
          return server && datagram::connect(server->local_address().value()) && datagram::open();
        }) == programs);
}

TEST_CASE("no program sees a duplicate that another thread makes at that moment", "[fork]") {
  const owned_fd file = test::scratch_file();
  CHECK(programs_that_inherit_nothing([&] { return duplicate(file).has_value(); }) == programs);
}
