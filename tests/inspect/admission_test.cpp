// Admission: what is agreed passes, what is not is refused, and the reason is the right one.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/temporary_folder.hpp"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace scm;
using namespace scm::test;
using kind = descriptor_kind;

namespace {

owned_fd memory(off_t size, int seals) {
  owned_fd made_one = made(::memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(made_one.native_handle(), size) == 0);
  if (seals != 0) REQUIRE(::fcntl(made_one.native_handle(), F_ADD_SEALS, seals) == 0);
  return made_one;
}

struct expected_case {
  std::string_view rules;
  std::optional<mismatch> reason;  // none: admitted
  std::string_view text{};         // of the refusal, without which descriptor
};

void check_all(borrowed_fd fd, std::initializer_list<expected_case> cases) {
  for (const auto& [rules, reason, text] : cases) {
    INFO(rules);
    const auto admitted = admit(fd, parse_expectation(rules).value());
    CHECK(admitted.has_value() == !reason);
    if (admitted || !reason) continue;
    CHECK(admitted.error().what == *reason);
    CHECK(admitted.error() == errc::not_admitted);
    CHECK(admitted.error().detail().view() == text);
  }
}

}  // namespace

TEST_CASE("a memfd is admitted by what it is and cannot become any more", "[admission]") {
  const owned_fd sealed = memory(4096, F_SEAL_SHRINK | F_SEAL_GROW);
  check_all(sealed, {
                        {"", {}},
                        {"memfd", {}},
                        {"any", {}},
                        {"pipe/memfd", {}},
                        {"memfd,access=rw,seals=shrink+grow,size>=4096", {}},
                        {"seals=shrink", {}},
                        {"size=4K", {}},
                        {"size>=4095,size<=4097", {}},
                        {"access=r/rw", {}},
                        {"flags!=append+nonblock", {}},
                        {"regular_file", mismatch::kind, "is memfd, not regular_file"},
                        {"pipe/socket", mismatch::kind, "is memfd, not pipe or socket"},
                        {"access=r", mismatch::access, "allows rw, not r"},
                        {"access=r/w", mismatch::access, "allows rw, not r or w"},
                        {"seals=write", mismatch::seals, "lacks the seals write"},
                        {"seals=shrink+write+future_write", mismatch::seals, "lacks the seals write+future_write"},
                        {"size>=4097", mismatch::size_below, "has 4096 bytes, fewer than 4097"},
                        {"size<=4095", mismatch::size_above, "has 4096 bytes, more than 4095"},
                        {"flags=append+sync", mismatch::flags_missing, "lacks the flags append+sync"},
                        {"device=1:3", mismatch::device, "is no device, not 1:3"},
                        {"family=unix", mismatch::no_socket, "is no socket"},
                        {"listening=no", mismatch::no_socket, "is no socket"},
                        {"below=/", mismatch::place, "lies elsewhere than was agreed"},
                    });
  const owned_fd open_ended = memory(4096, 0);
  check_all(open_ended, {{"memfd,size=4096", {}}, {"seals=shrink", mismatch::seals, "lacks the seals shrink"}});
  const owned_fd reading = opened("/proc/self/fd/" + std::to_string(sealed.native_handle()), O_RDONLY);
  check_all(reading, {{"memfd,access=r,seals=shrink+grow", {}}, {"access=rw", mismatch::access, "allows r, not rw"}});
}

TEST_CASE("a file is admitted by its access, flags, size and place", "[admission]") {
  const temporary_folder folder{"/tmp"};
  const std::string path = folder.path() + "/image, 1";
  const owned_fd file = opened(path, O_RDWR | O_CREAT | O_APPEND | O_NOATIME, 0600);
  REQUIRE(::ftruncate(file.native_handle(), 100) == 0);
  const std::string place = text_of(expectation{.below = folder.path()}).value();
  check_all(file, {
                      {"regular_file,access=rw,size=100", {}},
                      {"flags=append", {}},
                      {"flags=append+noatime,flags!=direct", {}},
                      {place, {}},
                      {place + "/", {}},
                      {place + "/image\\x2c 1", {}},
                      {"below=/", {}},
                      {place + "/imag", mismatch::place, "lies elsewhere than was agreed"},
                      {"below=/srv", mismatch::place, "lies elsewhere than was agreed"},
                      {"flags!=append", mismatch::flags_present, "has the flags append"},
                      {"flags!=noatime+append", mismatch::flags_present, "has the flags append+noatime"},
                      {"seals=seal", mismatch::seals, "lacks the seals seal"},
                      {"memfd", mismatch::kind, "is regular_file, not memfd"},
                      {"size=101", mismatch::size_below, "has 100 bytes, fewer than 101"},
                  });
  CHECK(admit(opened(path, O_WRONLY).get(), {.access = access_mode::read}).error().what == mismatch::access);
  CHECK(admit(opened(path, O_RDONLY).get(), {.access = {access_mode::write, access_mode::read_write}}).error().what ==
        mismatch::access);
}

TEST_CASE("the same object is told by its identity, whatever its name", "[admission]") {
  const temporary_folder folder{"/tmp"};
  const owned_fd file = opened(folder.path() + "/a", O_RDWR | O_CREAT, 0600);
  const owned_fd other = opened(folder.path() + "/b", O_RDWR | O_CREAT, 0600);
  const expectation same{.same_as = described(file).identity};
  CHECK(admit(file, same));
  CHECK(admit(opened(folder.path() + "/a", O_RDONLY).get(), same));
  const auto refused = admit(other, same);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == mismatch::another_object);
  CHECK(refused.error().detail().view() == "is another object: inode " +
                                               std::to_string(described(other).identity.inode) + ", not " +
                                               std::to_string(same.same_as->inode));
}

TEST_CASE("what hands over more than an open file is admitted by its name alone", "[admission]") {
  const owned_fd directory = opened("/", O_RDONLY | O_DIRECTORY);
  check_all(directory, {{"directory", {}},
                        {"any", {}},
                        {"directory,access=r", {}},
                        {"", mismatch::kind, "is directory, which is only admitted by its name"},
                        {"access=r", mismatch::kind, "is directory, which is only admitted by its name"},
                        {"directory,size>=0", mismatch::no_size, "has no size"}});
  const owned_fd handle = opened("/dev/null", O_PATH);
  check_all(handle, {{"path_handle", {}},
                     {"path_handle,access=none", {}},
                     {"", mismatch::kind, "is path_handle, which is only admitted by its name"},
                     {"character_device", mismatch::kind, "is path_handle, not character_device"},
                     {"path_handle,access=r/w/rw", mismatch::access, "allows none, not r or w or rw"},
                     {"path_handle,device=1:3", mismatch::device, "is no device, not 1:3"}});
  const owned_fd file_handle = opened("/etc/passwd", O_PATH);
  check_all(file_handle, {{"path_handle,size>=0", mismatch::no_size, "has no size"}});
}

TEST_CASE("a device is admitted by its numbers", "[admission]") {
  const owned_fd null = opened("/dev/null", O_RDWR);
  check_all(null, {{"character_device,device=1:3", {}},
                   {"device=1:5", mismatch::device, "is device 1:3, not 1:5"},
                   {"device=2:3", mismatch::device, "is device 1:3, not 2:3"},
                   {"size=0", mismatch::no_size, "has no size"},
                   {"block_device", mismatch::kind, "is character_device, not block_device"}});
}

TEST_CASE("a socket is admitted by its family, its type and whether it listens", "[admission]") {
  const owned_fd listener = made(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  check_all(listener, {{"socket,family=unix,type=seqpacket,listening=no", {}},
                       {"listening=yes", mismatch::not_listening, "is a socket that does not listen"}});
  const sockaddr_un unnamed{AF_UNIX, {}};
  REQUIRE(::bind(listener.native_handle(), reinterpret_cast<const sockaddr*>(&unnamed), sizeof(sa_family_t)) == 0);
  REQUIRE(::listen(listener.native_handle(), 1) == 0);
  check_all(listener, {{"socket,listening=yes", {}},
                       {"family=1,type=5", {}},
                       {"listening=no", mismatch::listening, "is a socket that listens"},
                       {"family=inet", mismatch::socket_family, "is a socket of family unix, not inet"},
                       {"family=99", mismatch::socket_family, "is a socket of family unix, not number 99"},
                       {"type=stream", mismatch::socket_type, "is a socket of type seqpacket, not stream"},
                       {"pipe", mismatch::kind, "is socket, not pipe"}});
}

TEST_CASE("every kind that a test can make is admitted by its name, and by no other", "[admission][no-valgrind]") {
  for (const example& one : one_of_each_kind()) {
    const auto what = described(one.fd).kind;
    INFO(name_of(what));
    CHECK(admit(one.fd, {.kinds = what}));
    kind_set others;
    for (int i = 0; i <= static_cast<int>(kind::anonymous); ++i) {
      if (static_cast<kind>(i) != what) others.insert(static_cast<kind>(i));
    }
    const auto refused = admit(one.fd, {.kinds = others});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what == mismatch::kind);
    CHECK(refused.error().text().view().ends_with("path_handle or anonymous") ==
          (what != kind::anonymous && what != kind::path_handle));
  }
}

TEST_CASE("what cannot be examined is not admitted, and the error says why", "[admission]") {
  for (const int number : {-1, -100, 1 << 20}) {
    const auto refused = admit(borrowed_fd{number}, {.kinds = any_kind});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what == mismatch::not_examined);
    CHECK(refused.error() == std::errc::bad_file_descriptor);
    CHECK(refused.error().text().view() == "descriptor 0 could not be used: Bad file descriptor");
  }
}

TEST_CASE("a message is admitted by count and position, and the last expectation holds for the rest", "[admission]") {
  const owned_fd first = memory(10, 0);
  const owned_fd event = made(::eventfd(0, EFD_CLOEXEC));
  const std::array each{expectation{.kinds = kind::memfd}, expectation{.kinds = kind::eventfd}};
  using fds = std::vector<borrowed_fd>;
  const fds right{first.get(), event.get()};
  CHECK(admit(right, each));
  CHECK(admit(fds{}, std::span<const expectation>{}));
  CHECK(admit(fds{}, {each, 0, 5}));
  CHECK(admit(fds{first.get(), event.get(), event.get()}, {each, 2, 3}));

  const auto refused = [&](const fds& came, const admission& policy) {
    const auto answer = admit(came, policy);
    REQUIRE_FALSE(answer);
    CHECK(answer.error() == errc::not_admitted);
    return answer.error();
  };
  CHECK(refused({event.get(), first.get()}, each).position == 0);
  const refusal second = refused({first.get(), first.get()}, each);
  CHECK(second.position == 1);
  CHECK(second.text().view() == "descriptor 1 is memfd, not eventfd");
  CHECK(refused({first.get(), event.get(), first.get()}, {each, 2, 3}).position == 2);

  const refusal missing = refused({first.get()}, each);
  CHECK(missing.what == mismatch::missing);
  CHECK(missing.text().view() == "descriptor 1 is missing: 1 came, and 2 are needed");
  const refusal surplus = refused({first.get(), event.get(), event.get()}, each);
  CHECK(surplus.what == mismatch::surplus);
  CHECK(surplus.text().view() == "descriptor 2 is one too many: 3 came, and 2 are allowed");
  CHECK(refused({first.get()}, std::span<const expectation>{}).what == mismatch::surplus);
  CHECK(admission{std::span<const expectation>{}, 0, 9}.most() == 0);
  const std::vector<owned_fd> none(1);
  CHECK(admit(std::span{none}, {each[0], 1, 1}).error() == std::errc::bad_file_descriptor);
}

TEST_CASE("sets are joined, cut and taken from each other", "[admission]") {
  constexpr kind_set files{kind::regular_file, kind::memfd}, sealed{kind::memfd};
  static_assert((files | kind::pipe) == kind_set{kind::regular_file, kind::memfd, kind::pipe});
  static_assert((files & sealed) == sealed);
  static_assert(files - sealed == kind_set{kind::regular_file});
  CHECK((sealed - files).empty());
}

TEST_CASE("the longest refusal has room", "[admission]") {
  kind_set all = any_kind;
  const refusal longest{errc::not_admitted, mismatch::kind, ~std::size_t{}, 21, all.bits()};
  CHECK(longest.text().view().ends_with(" or anonymous"));
  const refusal hostile{errc::not_admitted, mismatch::seals, 0, 0, ~std::uint64_t{}};
  CHECK(hostile.text().view().find("0x40") != std::string_view::npos);
}
