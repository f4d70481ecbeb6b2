// A program sees the same however it is started: by itself, under a supervisor that carries its messages out, or
// traced.
#include "inspect/made.hpp"
#include "process/confined.hpp"
#include "support/catch.hpp"
#include "support/sanitized.hpp"
#include "support/skip.hpp"

#include <scm/process/spawn.hpp>
#include <scm/service/supervisor.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

// A program (behaviours/main.c), the way by which it makes its calls, and the program of the other layout.
struct subject {
  const char* program;
  const char* way;
  const char* other;
};

#ifdef BEHAVIOURS_32
constexpr std::array subjects{
    subject{BEHAVIOURS, "direct", BEHAVIOURS_32}, subject{BEHAVIOURS_32, "socketcall", BEHAVIOURS},
    subject{BEHAVIOURS_32, "direct", BEHAVIOURS}, subject{BEHAVIOURS_32, "time64", BEHAVIOURS}};
#else
constexpr std::array subjects{subject{BEHAVIOURS, "direct", BEHAVIOURS}};
#endif

// What a program printed, and its status; 128 and more for a signal.
struct shown {
  int status = -1;
  std::string text;
};

owned_fd new_output() { return made(::memfd_create("out", MFD_CLOEXEC)); }

std::string text_in(const owned_fd& file) {
  std::string text(static_cast<std::size_t>(::lseek(file.get().native_handle(), 0, SEEK_END)), '\0');
  const ssize_t size = ::pread(file.get().native_handle(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

int status_of(const exit_status& ended) { return ended.signal != 0 ? 128 + ended.signal : ended.code; }

spawn_options options_for(const subject& of, const std::string& behaviour, borrowed_fd output) {
  spawn_options options{.program = of.program, .arguments = {behaviour, of.way}};
  options.environment = std::vector<std::string>{std::string{"BEHAVIOURS_OTHER="} + of.other};
  options.input = standard_stream::null();
  options.output = output;
  options.error = output;
  return options;
}

shown natively(const subject& of, const std::string& behaviour) {
  const owned_fd output = new_output();
  auto program = spawn(options_for(of, behaviour, output.get()));
  if (!program) throw std::system_error(program.error().code, "spawn");
  const auto ended = program->wait(in(60s));
  if (!ended) throw std::system_error(ended.error(), "wait");
  return {status_of(*ended), text_in(output)};
}

// Ends a supervisor that does not end.
class patience {
 public:
  explicit patience(supervisor& of)
      : thread_{[this, &of] {
          for (int i = 0; i != 900 && !done_; ++i) std::this_thread::sleep_for(100ms);
          if (!done_) of.stop();
        }} {}
  ~patience() {
    done_ = true;
    thread_.join();
  }
  patience(const patience&) = delete;
  patience& operator=(const patience&) = delete;

 private:
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

shown supervised_with(const spawn_options& options, const owned_fd& output) {
  auto made_one = supervisor::start(options, {});
  if (!made_one) throw std::system_error(made_one.error().code, "supervisor::start");
  const patience limit{*made_one};
  const auto ended = made_one->run();
  if (!ended) throw std::system_error(ended.error(), "supervisor::run");
  return {status_of(*ended), text_in(output)};
}

shown supervised(const subject& of, const std::string& behaviour) {
  const owned_fd output = new_output();
  return supervised_with(options_for(of, behaviour, output.get()), output);
}

#ifdef SCM_PROGRAM
shown traced(const subject& of, const std::string& behaviour) {
  const owned_fd output = new_output();
  spawn_options options = options_for(of, behaviour, output.get());
  options.program = SCM_PROGRAM;
  options.arguments = {"trace", "-o", "/dev/null", "--", of.program, behaviour, of.way};
  auto program = spawn(options);
  if (!program) throw std::system_error(program.error().code, "spawn");
  const auto ended = program->wait(in(90s));
  if (!ended) throw std::system_error(ended.error(), "wait");
  return {status_of(*ended), text_in(output)};
}
#endif

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}

// The lines that differ first, both of them; empty where none does.
std::string difference(const shown& expected, const shown& got) {
  const auto a = lines_of(expected.text), b = lines_of(got.text);
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string_view one = i < a.size() ? a[i] : "(no more)", two = i < b.size() ? b[i] : "(no more)";
    if (one == two) continue;
    std::string text = "line " + std::to_string(i + 1);
    if (i != 0) text.append(" after: ").append(a[i - 1]);
    return text.append("\nnatively: ").append(one).append("\nhere:     ").append(two);
  }
  if (expected.status != got.status) return "status " + std::to_string(got.status);
  return {};
}

// What it shows by itself: every fact of it held, and it came to its end.
shown native_facts(const subject& of, const std::string& behaviour) {
  shown native = natively(of, behaviour);
  CHECK(native.status == 0);
  CHECK(native.text.ends_with("\nend\n"));
  if (native.status != 0) UNSCOPED_INFO(native.text);
  return native;
}

template <class Run>
void shows_the_same(const std::string& behaviour, Run run) {
  for (const subject& one : subjects) {
    INFO(one.program << " " << behaviour << " " << one.way);
    const shown native = native_facts(one, behaviour);
    CHECK(difference(native, run(one, behaviour)) == "");
  }
}

#define NEEDS_ROOT() \
  if (::geteuid() != 0) SCM_SKIP("not root, so no other users and namespaces")

}  // namespace

// PROMISE holds for BEHAVIOUR of behaviours/*.c, supervised and traced.
#ifdef SCM_PROGRAM
#define SAME_TRACED(BEHAVIOUR, PROMISE)                   \
  TEST_CASE("traced, " PROMISE, "[behaviours][traced]") { \
    NEEDS_ROOT();                                         \
    shows_the_same(BEHAVIOUR, traced);                    \
  }
#else
#define SAME_TRACED(BEHAVIOUR, PROMISE)
#endif
#define SAME(BEHAVIOUR, PROMISE)                                  \
  TEST_CASE("supervised, " PROMISE, "[behaviours][supervised]") { \
    NEEDS_ROOT();                                                 \
    shows_the_same(BEHAVIOUR, supervised);                        \
  }                                                               \
  SAME_TRACED(BEHAVIOUR, PROMISE)

// --- what a program can see
// -------------------------------------------------------------------------------------------

SAME("1", "descriptors that do not fit are cut to whole ones, and the rest is closed")
SAME("2", "room for a header alone gets none, and takes no number")
SAME("3", "without room for control data the descriptors are closed and the payload arrives")
SAME("4", "what msg_flags holds before a call does not matter")
SAME("5", "credentials are cut in the middle")
SAME("6", "with less room than a header there is no control data")
SAME("7", "descriptors vanish behind credentials that have just enough room")
SAME("8", "credentials come before descriptors and pidfds")
SAME("9", "a message that nobody asked to be stamped is from nobody")
SAME("10", "a message is from the process that sends it, with its real user and group")
SAME("11", "credentials are checked by the sender's own rights")
SAME("12", "credentials cross user and process namespaces as the kernel translates them")
SAME("13", "one bad descriptor refuses the whole message")
SAME("14", "malformed and unreadable control data is refused as the kernel refuses it")
SAME("15", "an item without descriptors is nothing, not even a boundary")
SAME("16", "a stream stops after descriptors and between senders")
SAME("17", "a receive of no bytes hands over descriptors")
SAME("18", "every peek gives new descriptors and leaves the message")
SAME("19", "descriptors get the lowest free numbers, in order, though the sender closed its own")
SAME("20", "close-on-exec is as the call says, and is told back")
SAME("21", "close-on-exec of the sender is not inherited")
SAME("22", "descriptors of several items arrive in one")
SAME("23", "the last item needs no padding")
SAME("24", "the size of control data is told to the last item's end")
SAME("25", "bytes that are no whole number are dropped")
SAME("26", "the layout is the program's own")
SAME("27", "a cut payload is told, and its length if it is asked for")
SAME("28", "the end of a record is never told")
SAME("29", "the size of a name is the real one, and no more of it is written than there is room")
SAME("30", "parts of a payload are counted and read as the kernel does it")
SAME("31", "of several faults the kernel's first is told")
SAME("32", "a payload that cannot be written loses a datagram and leaves a stream")
SAME("33", "a broken connection signals the thread that sends")
SAME("34", "the end of a connection is told, and its reset once")
SAME("35", "a signal interrupts or restarts a call that waits, and nothing is lost")
SAME("36", "timeouts expire, and waiting for all of it stops where the kernel stops")
SAME("37", "an array of receives keeps the kernel's times and errors")
SAME("38", "an array of sends stops at the first error and counts what was sent")
SAME("39", "what the kernel adds to a message arrives in its order and place")
SAME("40", "a receiver that refuses descriptors has the sender told")
SAME("41", "nothing keeps a socket open after its last user")
SAME("42", "at most 253 descriptors are in a message")
SAME("43", "urgent bytes and their mark are where they were")
SAME("44", "messages of several senders stay whole, each with its own descriptor")
SAME("45", "names are bytes of a length, and paths are the program's own")

// What no list has, and programs do.
SAME("lost header", "a header that cannot be read or written is told before anything else")
SAME("lost control", "control data that cannot be written loses descriptors as it does by itself")
SAME("no interruption", "signals that are ignored, blocked or of no consequence end no wait")
SAME("stops", "a process that waits stops and goes on")
SAME("flags", "the status flags of a socket stay as they are while a call waits")
SAME("narrow entry", "a 64-bit program may use the 32-bit entry")
SAME("kept error", "an error behind received messages is kept for the next call")
SAME("arrays", "arrays of messages carry descriptors both ways")
SAME("a full table", "a table of descriptors that gets full in the middle cuts what arrives")
SAME("pidfds", "a pidfd with a message is the sender's")
SAME("other families", "sockets that pass no descriptors work as before")
SAME("kinds", "every kind of open file arrives as what it was")
SAME("two layouts", "programs of both layouts pass descriptors to each other")

// --- what cannot be hidden: all of it, each with the kernel's reason
// ---------------------------------------------------

// Descriptors in flight are counted with the user who sent them, and the limit is the sending process's: both are the
// supervisor's (net/core/scm.c, scm_fp_copy).
TEST_CASE("under a supervisor with CAP_SYS_ADMIN a program may have any number of descriptors in flight",
          "[behaviours][limits]") {
  NEEDS_ROOT();
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(native_facts(one, "in flight").text.starts_with("65 sent, then ETOOMANYREFS\n"));
    CHECK(supervised(one, "in flight").text.starts_with("100 sent, then "));
  }
}

// A signal says who sent it, and only the kernel and a process itself can name another (rt_sigqueueinfo(2)).
TEST_CASE("under a supervisor SIGPIPE says that the supervisor's process sent it", "[behaviours][limits]") {
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(native_facts(one, "sender of a signal").text.starts_with("si_code 0, of self, user "));
    const std::string text = supervised(one, "sender of a signal").text;
    CHECK(text.starts_with("si_code -6, of parent, user ")); /* SI_TKILL */
  }
}

// There is one listener in a tree of filters (EBUSY), and strict mode is for those who have none (seccomp(2)).
TEST_CASE("a supervised program may filter its calls, but have no listener and no strict mode",
          "[behaviours][limits]") {
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(native_facts(one, "filters")
              .text.starts_with("a listener of its own: ok\na filter of its own: ok\nstrict mode: ok\n"));
    CHECK(supervised(one, "filters")
              .text.starts_with("a listener of its own: EBUSY\na filter of its own: ok\nstrict mode: EINVAL\n"));
  }
}

// A ring's messages make no system call that could be held up.
TEST_CASE("a supervised program gets no io_uring, and no calls of x32", "[behaviours][limits]") {
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    const std::string text = supervised(one, "other ways").text;
    CHECK(text.starts_with("a ring: ENOSYS\n"));
    CHECK(text.find("x32: ") == text.find("x32: ENOSYS"));
  }
}

// A call that a listener has taken is woken for no signal. It could only be told to restart where it is certain that no
// other thread takes the signal first: else the program would see the kernel's own number for that.
TEST_CASE("in a supervised process a signal that other threads could take interrupts a call, whatever its handler says",
          "[behaviours][limits]") {
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(native_facts(one, "several threads").text.find("received 5 ok") != std::string::npos);
    const std::string text = supervised(one, "several threads").text;
    CHECK(text.find("received -1 EINTR") != std::string::npos);
    CHECK(text.find("errno") == std::string::npos); /* 512, which has no name */
    CHECK(text.find("  next: received 5") != std::string::npos);
  }
}

TEST_CASE("a supervised program can read that it has a filter", "[behaviours][limits]") {
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(
        native_facts(one, "status").text.starts_with("TracerPid: 0\nNoNewPrivs: 0\nSeccomp: 0\nSeccomp_filters: 0\n"));
    CHECK(supervised(one, "status").text.starts_with("TracerPid: 0\nNoNewPrivs: 0\nSeccomp: 2\nSeccomp_filters: 1\n"));
  }
}

// The kernel stamps a message with who makes the call; naming another takes CAP_SYS_ADMIN (scm_check_creds).
TEST_CASE("messages of a program under a supervisor without privilege are from the supervisor",
          "[behaviours][limits]") {
  NEEDS_ROOT();
  lone_child unprivileged{[]() -> bool {
    HOLDS(::setgroups(0, nullptr) == 0);
    HOLDS(::setresgid(65534, 65534, 65534) == 0);
    HOLDS(::setresuid(65534, 65534, 65534) == 0);
    for (const subject& one : subjects) {
      const shown native = natively(one, "whose");
      HOLDS(native.status == 0);
      HOLDS(native.text.starts_with("whose: self 65534 65534\n"));
      const owned_fd output = new_output();
      spawn_options options = options_for(one, "whose", output.get());
      options.no_new_privileges = true;
      const shown got = supervised_with(options, output);
      if (!got.text.starts_with("whose: parent 65534 65534\n")) std::fprintf(stderr, "%s\n", got.text.c_str());
      HOLDS(got.text.starts_with("whose: parent 65534 65534\n"));
    }
    return true;
  }};
  CHECK(unprivileged.succeeded());
}

// seccomp(2) installs what fget() finds, which is no descriptor of O_PATH: it and those behind it are lost, and the
// program is told (MSG_CTRUNC).
TEST_CASE("a supervised program gets no O_PATH descriptor, and is told so", "[behaviours][limits]") {
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(native_facts(one, "path handles").text.find(" flags 0 ") != std::string::npos);
    const std::string text = supervised(one, "path handles").text;
    CHECK(text.find(" flags CTRUNC ") != std::string::npos);
    CHECK(text.find("RIGHTS 8=file]") != std::string::npos);
  }
}

// Whether a receiver has asked for credentials cannot be seen from the other end, so they are attached in any case.
TEST_CASE("under a supervisor with CAP_SYS_ADMIN messages say who sent them to who asks later",
          "[behaviours][limits]") {
  NEEDS_ROOT();
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(native_facts(one, "asked later").text.find("CREDENTIALS 0 65534 65534") != std::string::npos);
    const std::string text = supervised(one, "asked later").text;
    CHECK(text.find("CREDENTIALS self 0 0") != std::string::npos);
    CHECK(text.find("CREDENTIALS 0") == std::string::npos);
  }
}

// The kernel finds out that it cannot write when the message is out of the queue; a supervisor looks first.
TEST_CASE("under a supervisor a message stays that cannot be written to the program", "[behaviours][limits]") {
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(native_facts(one, "lost message").text.find("received -1 EAGAIN") != std::string::npos);
    CHECK(supervised(one, "lost message").text.find("received -1 EAGAIN") == std::string::npos);
  }
}

// recvmmsg(2) keeps an error that came after a message in the socket (sk_err), where only the kernel itself can put
// one.
TEST_CASE("under a supervisor the error of an array's last message is not kept where no other message is queued",
          "[behaviours][limits]") {
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(native_facts(one, "error of the last").text.find("kept: EFAULT") != std::string::npos);
    CHECK(supervised(one, "error of the last").text.find("kept: ok") != std::string::npos);
  }
}

// None of these is of a tracer, under which a program makes its own calls.
SAME_TRACED("in flight", "descriptors in flight are counted with their sender")
SAME_TRACED("sender of a signal", "SIGPIPE is the kernel's")
SAME_TRACED("path handles", "an O_PATH descriptor arrives")
SAME_TRACED("asked later", "who asks later is told nobody")
SAME_TRACED("lost message", "a message that cannot be written is gone")
SAME_TRACED("error of the last", "the error of an array's last message is kept")
SAME_TRACED("several threads", "a signal that other threads could take restarts a call")
SAME_TRACED("other ways", "rings and calls of x32 are the kernel's business")

#ifdef SCM_PROGRAM
// A tracer stands in /proc/PID/status, and stops by a filter of its own; strict mode is for those who have none.
TEST_CASE("a traced program can read that it is, and has no strict mode", "[behaviours][limits]") {
  for (const subject& one : subjects) {
    INFO(one.program << " " << one.way);
    CHECK(traced(one, "status").text.starts_with("TracerPid: some\nNoNewPrivs: 0\nSeccomp: 2\nSeccomp_filters: 1\n"));
    CHECK(traced(one, "filters")
              .text.starts_with("a listener of its own: ok\na filter of its own: ok\nstrict mode: EINVAL\n"));
  }
}
#endif
