// The kernel as the judge of control data that is sent: its verdict on any bytes is the one that was predicted, and
// what it lets pass arrives.
//
// Input: one byte (bits 0..1: the type of socket; bit 2: as an unprivileged user; bits 3..5: the address modulo 8),
// then control data of the native layout. Numbers in it are put through tables, so that what they mean does not depend
// on the process: see `translate`.
#include "kernel.hpp"
#include "mutate.hpp"

#include <scm/fuzz/input.hpp>
#include <scm/fuzz/send_oracle.hpp>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace {

namespace fuzz = scm::fuzz;
using namespace scm::fuzz_support;
using scm::borrowed_fd;
using scm::control_view;
using scm::owned_fd;

constexpr uid_t nobody = 65534;

// The calling thread's effective user, and with it its capabilities. The system call is the kernel's own: the C
// library's would change all threads.
void become(uid_t effective) { FUZZ_CHECK(::syscall(SYS_setresuid, -1, effective, -1) == 0); }

// Whether the user namespace has an id, by /proc/self/[ug]id_map.
class id_map {
 public:
  explicit id_map(const char* path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path, "re"), &std::fclose};
    unsigned inside = 0, outside = 0, count = 0;
    while (file && std::fscanf(file.get(), "%u %u %u", &inside, &outside, &count) == 3) {
      ranges_.push_back({inside, count});
    }
    if (!file) ranges_.push_back({0, UINT_MAX});  // a kernel without user namespaces has them all, but -1
  }
  bool has(unsigned id) const {
    for (const auto& [first, count] : ranges_) {
      if (id - first < count) return true;
    }
    return false;
  }

 private:
  std::vector<std::pair<unsigned, unsigned>> ranges_;
};

struct world {
  world() {
    for (std::size_t i = 0; i != pairs.size(); ++i) {
      pairs[i] = socket_pair(socket_types[i]);
      const int on = 1;
      FUZZ_CHECK(::setsockopt(pairs[i].second.native_handle(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    }
    if (::geteuid() == 0 && uids.has(nobody)) {
      become(nobody);
      unprivileged = fuzz::sender::self();
      become(0);
    }
    closed = out_of_the_way(must(::dup(STDERR_FILENO))).release();
    ::close(closed);
  }

  std::array<std::pair<owned_fd, owned_fd>, 3> pairs;
  things_to_send things;
  owned_fd ring = io_uring();
  id_map uids{"/proc/self/uid_map"}, gids{"/proc/self/gid_map"};
  fuzz::sender self = fuzz::sender::self();
  fuzz::sender unprivileged = self;
  int closed = -1;
};

// Small numbers of the input become descriptors, processes and ids that exist or do not; others stay as they are.
void translate(std::span<std::byte> control, const world& w) {
  const auto replace = [&](std::size_t at, auto table) {
    std::uint32_t value = 0;
    std::memcpy(&value, control.data() + at, 4);
    if (value < table.size()) std::memcpy(control.data() + at, &table[value], 4);
  };
  const auto thing = [&](std::size_t i) { return w.things[i].native_handle(); };
  const std::array descriptors{thing(0), thing(1), thing(2), thing(3), thing(4),
                               thing(5), w.closed, -1,       INT_MAX,  w.ring ? w.ring.native_handle() : w.closed};
  const std::array processes{w.self.pid, w.self.pid, 0, -1, INT_MAX, 1};
  const std::array<uid_t, 6> ids{0, w.self.uids[0], nobody, ~uid_t{0}, 12345, w.self.uids[1]};

  control_view walk{control};
  while (const auto item = walk.next()) {
    if (item->level != SOL_SOCKET) continue;
    const auto payload = static_cast<std::size_t>(item->payload.data() - control.data());
    if (item->type == SCM_RIGHTS) {
      for (std::size_t i = 0; i != item->payload.size() / 4; ++i) replace(payload + 4 * i, descriptors);
    } else if (item->type == SCM_CREDENTIALS && item->payload.size() == 12) {
      replace(payload, processes);
      replace(payload + 4, ids);
      replace(payload + 8, ids);
    }
  }
}

// The one message that is there: as many descriptors as were sent, open, and the sender that was claimed.
void check_arrival(borrowed_fd from, const fuzz::send_verdict& expected) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::byte room[scm::control_room{.rights = 253, .credentials = true}.bytes()];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  FUZZ_CHECK(::recvmsg(from.native_handle(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) == 1);
  FUZZ_CHECK((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0);

  std::size_t descriptors = 0;
  control_view walk{{room, message.msg_controllen}};
  while (const auto item = walk.next()) {
    const auto kind = scm::kind_of(*item);
    if (kind == scm::control_kind::rights) {
      const auto slots = scm::as_rights(*item);
      for (std::size_t i = 0; i != slots.size(); ++i) FUZZ_CHECK(::close(slots[i]) == 0);
      descriptors += slots.size();
    } else {
      FUZZ_CHECK(kind == scm::control_kind::credentials);
      const auto sender = scm::as_credentials(*item);
      FUZZ_CHECK(sender && (!expected.claimed || *sender == *expected.claimed));
    }
  }
  FUZZ_CHECK(!walk.error() && descriptors == expected.descriptors);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size == 0 || size > 65'536) return 0;  // more is refused for its memory: net.core.optmem_max
  static const world w;
  const leak_check leaks;
  const unsigned choice = input[0];
  const std::size_t shift = choice >> 3 & 7;
  const bool unprivileged = (choice & 4) != 0 && w.unprivileged.uids[1] != w.self.uids[1];
  const auto& [near, far] = w.pairs[(choice & 3) % w.pairs.size()];

  static std::vector<std::byte> room;
  room.resize(shift + size - 1);
  const std::span control{room.data() + shift, size - 1};
  if (size > 1) std::memcpy(control.data(), input + 1, size - 1);
  translate(control, w);

  const auto wrong_with = [&](int number) {
    if (w.ring && number == w.ring.native_handle()) return EINVAL;
    return number >= 0 && ::fcntl(number, F_GETFD) >= 0 ? 0 : EBADF;
  };
  const auto exists = [](pid_t process) { return process > 0 && (::kill(process, 0) == 0 || errno == EPERM); };
  const auto mapped = [&](uid_t uid, gid_t gid) { return w.uids.has(uid) && w.gids.has(gid); };
  const auto expected =
      fuzz::judge_send(control, scm::abi::native, unprivileged ? w.unprivileged : w.self, wrong_with, exists, mapped);

  if (unprivileged) become(nobody);
  const ssize_t sent = send_raw(near, {"x", 1}, control);
  const int answer = sent == 1 ? 0 : errno;
  if (unprivileged) become(w.self.uids[1]);
  FUZZ_CHECK(sent == 1 || sent == -1);

  if (answer != expected.error) {
    std::fprintf(stderr, "the kernel says %s, predicted was %s\n", std::strerror(answer),
                 std::strerror(expected.error));
  }
  FUZZ_CHECK(answer == expected.error);
  if (answer == 0) check_arrival(far, expected);
  return 0;
}

SCM_FUZZ_MUTATES_CONTROL_DATA(1, scm::abi::native)
