// The kernel's verdicts as predicted: the rules one by one. That the kernel agrees is for the fuzz targets to find out.
#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <scm/fuzz/receive_oracle.hpp>
#include <scm/fuzz/send_oracle.hpp>

#include <cerrno>

using scm::abi;
using scm::test::both_layouts;
using scm::test::control_bytes;
namespace fuzz = scm::fuzz;

namespace {

// A world in which descriptors below 10 are open, 10 is a ring, and processes up to 100 exist.
fuzz::send_verdict judge(const control_bytes& bytes,
                         const fuzz::sender& who = {42, {1000, 1000, 1001}, {100, 100, 100}}) {
  return fuzz::judge_send(
      bytes, bytes.layout(), who,
      [](int number) { return number == 10                 ? EINVAL
                              : number >= 0 && number < 10 ? 0
                                                           : EBADF; },
      [](pid_t process) { return process > 0 && process <= 100; },
      [](uid_t uid, gid_t gid) { return uid != ~0U && gid != ~0U; });
}
int error_of(const control_bytes& bytes) { return judge(bytes).error; }

control_bytes rights(abi layout, std::size_t count, std::int32_t last = 0) {
  control_bytes bytes{layout};
  bytes.header(scm::cmsg_len(4 * count, layout), SOL_SOCKET, SCM_RIGHTS);
  for (std::size_t i = 1; i < count; ++i) bytes.integer(std::int32_t{1});
  if (count != 0) bytes.integer(last);
  return bytes.pad();
}
control_bytes claim(abi layout, std::int32_t pid, std::int32_t uid, std::int32_t gid) {
  return control_bytes{layout}.message(SOL_SOCKET, SCM_CREDENTIALS, {pid, uid, gid}).pad();
}

}  // namespace

TEST_CASE("at most 253 descriptors travel, all of them open", "[fuzz]") {
  for (const abi layout : both_layouts) {
    CHECK(judge(rights(layout, 253)).descriptors == 253);
    CHECK(error_of(rights(layout, 254)) == EINVAL);
    CHECK(error_of(rights(layout, 254, 11)) == EINVAL);  // the count comes first
    CHECK(error_of(rights(layout, 200).raw(rights(layout, 54).view())) == EINVAL);
    CHECK(judge(rights(layout, 200).raw(rights(layout, 53).view())).descriptors == 253);
    CHECK(error_of(rights(layout, 2, 11)) == EBADF);
    CHECK(error_of(rights(layout, 2, -1)) == EBADF);
    CHECK(error_of(rights(layout, 2, 10)) == EINVAL);
    CHECK(error_of(rights(layout, 0)) == 0);
  }
}

TEST_CASE("the first error is told, but for the compat layer, where structure comes first", "[fuzz]") {
  for (const abi layout : both_layouts) {
    auto bytes = rights(layout, 1, 11);
    bytes.header(3, SOL_SOCKET, SCM_RIGHTS).fill(8);
    CHECK(error_of(bytes) == (layout == abi::lp64 ? EBADF : EINVAL));
    CHECK(error_of(rights(layout, 2).fill(3)) == (layout == abi::lp64 ? 0 : EINVAL));
    CHECK(error_of(control_bytes{layout}.fill(11)) == (layout == abi::lp64 ? 0 : EINVAL));
    CHECK(error_of(control_bytes{layout}) == 0);
  }
}

TEST_CASE("other levels pass unseen, other types are refused", "[fuzz]") {
  for (const abi layout : both_layouts) {
    CHECK(error_of(control_bytes{layout}.message(2, SCM_RIGHTS, {11, 11}).pad()) == 0);
    for (const int type : {0, 3, 4, 5, 29, 84}) {
      CHECK(error_of(control_bytes{layout}.message(SOL_SOCKET, type, {0, 0}).pad()) == EINVAL);
    }
  }
}

TEST_CASE("a claim must be whole, of mapped ids, permitted and of a process, in this order", "[fuzz]") {
  for (const abi layout : both_layouts) {
    CHECK(judge(claim(layout, 42, 1000, 100)).claimed == scm::credentials{42, 1000, 100});
    CHECK(judge(claim(layout, 42, 1001, 100)).error == 0);  // the saved one
    CHECK(error_of(claim(layout, 42, 1002, 100)) == EPERM);
    CHECK(error_of(claim(layout, 42, 1000, 101)) == EPERM);
    CHECK(error_of(claim(layout, 43, 1000, 100)) == EPERM);
    CHECK(error_of(claim(layout, 43, -1, 100)) == EINVAL);
    CHECK(error_of(control_bytes{layout}.message(SOL_SOCKET, SCM_CREDENTIALS, {42, 1000}).pad()) == EINVAL);

    const fuzz::sender root{42, {0, 0, 0}, {0, 0, 0}, true, true, true};
    CHECK(judge(claim(layout, 43, 5, 6), root).claimed == scm::credentials{43, 5, 6});
    CHECK(judge(claim(layout, 101, 5, 6), root).error == ESRCH);
    CHECK(judge(claim(layout, 0, 5, 6), root).error == ESRCH);
    const auto twice = claim(layout, 43, 5, 6).raw(claim(layout, 42, 0, 0).view());
    CHECK(judge(twice, root).claimed == scm::credentials{42, 0, 0});
  }
}

TEST_CASE("this process is told with its own ids", "[fuzz]") {
  const auto self = fuzz::sender::self();
  CHECK(self.pid == ::getpid());
  CHECK(self.uids[0] == ::getuid());
  CHECK(self.uids[1] == ::geteuid());
  CHECK(self.gids[1] == ::getegid());
}

TEST_CASE("so many descriptors are installed as the room holds, by the measured table", "[fuzz]") {
  struct row {
    std::size_t room, size, installed;
    bool cut;
  };
  // Kernel fact B1: five descriptors, 64 bits.
  constexpr row table[]{{0, 0, 0, true},   {19, 0, 0, true},  {20, 20, 1, true},  {23, 23, 1, true},
                        {24, 24, 2, true}, {27, 24, 2, true}, {28, 28, 3, true},  {31, 31, 3, true},
                        {32, 32, 4, true}, {35, 32, 4, true}, {36, 36, 5, false}, {40, 40, 5, false}};
  for (const row& r : table) {
    fuzz::receive_oracle oracle{r.room, abi::lp64};
    CAPTURE(r.room);
    CHECK(oracle.put_rights(5, 1000) == r.installed);
    CHECK(oracle.size() == r.size);
    CHECK(oracle.cut() == r.cut);
  }
}

TEST_CASE("free slots bound what is installed", "[fuzz]") {
  fuzz::receive_oracle none{512};
  CHECK(none.put_rights(5, 0) == 0);
  CHECK((none.size() == 0 && none.cut()));
  fuzz::receive_oracle some{512};
  CHECK(some.put_rights(5, 3) == 3);
  CHECK(some.cut());
  fuzz::receive_oracle nothing_sent{0};
  CHECK(nothing_sent.put_rights(0, 0) == 0);
  CHECK_FALSE(nothing_sent.cut());
}

TEST_CASE("items are cut in place, and a pidfd is whole or not there", "[fuzz]") {
  fuzz::receive_oracle header_only{16, abi::lp64};
  CHECK(header_only.put(12) == 0);
  CHECK((header_only.size() == 16 && header_only.cut()));
  fuzz::receive_oracle less{15, abi::lp64};
  CHECK(less.put(12) == -1);
  CHECK((less.size() == 0 && less.cut()));
  fuzz::receive_oracle whole{28, abi::lp64};
  CHECK(whole.put(12) == 12);
  CHECK((whole.size() == 28 && !whole.cut()));
  fuzz::receive_oracle pidfd{19, abi::lp64};
  CHECK_FALSE(pidfd.put_pidfd());
  CHECK((pidfd.size() == 0 && pidfd.cut()));
  fuzz::receive_oracle enough{20, abi::lp64};
  CHECK(enough.put_pidfd());
  CHECK((enough.size() == 20 && !enough.cut()));
}
