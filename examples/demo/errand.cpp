#include "errand.hpp"

#include "answer_sheet.hpp"
#include "child.hpp"
#include "child_process.hpp"

#include <scm/channel/seqpacket.hpp>
#include <scm/inspect.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace demo {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// What the slowest machine that one would run this on hashes in a second, and time for all else.
constexpr std::uint64_t bytes_per_second = 10'000'000;
constexpr auto patience = 20s;

std::string quoted(const std::string& name) {
  return name.empty() ? "(an empty name)" : scm::safe_text(name).value_or("(unprintable)");
}

outcome<scm::owned_fd> open_file(const std::string& name) {
  // O_NONBLOCK: opening a named pipe would wait for its writer.
  scm::owned_fd file{open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!file) return failed(fmt::format("open {}", quoted(name)));
  struct stat status{};
  if (fstat(file.native_handle(), &status) != 0) return failed(fmt::format("look at {}", quoted(name)));
  if (!S_ISREG(status.st_mode)) {
    return std::unexpected{fmt::format("{} is {}: give a regular file", quoted(name),
                                       S_ISDIR(status.st_mode) ? "a directory" : "no regular file")};
  }
  const int flags = fcntl(file.native_handle(), F_GETFL);
  if (flags < 0 || fcntl(file.native_handle(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return failed(fmt::format("set up {}", quoted(name)));
  }
  return file;
}

/// The name that means the same file wherever the child is.
std::string absolute(const std::string& name) {
  const std::unique_ptr<char, decltype(&std::free)> path{realpath(name.c_str(), nullptr), &std::free};
  return path ? path.get() : name;
}

/// What the child said before it ended, or how it ended.
std::string last_words(scm::seqpacket& channel, child_process& child) {
  std::array<char, 512> words;
  const auto message = channel.try_receive(words, 0);
  if (message && message->size != 0) return scm::safe_text({words.data(), message->size}).value_or("(unprintable)");
  return fmt::format("the child {} without an answer", child.wait());
}

outcome<void> receive_greeting(scm::seqpacket& channel, child_process& child, errand& told) {
  const auto message =
      channel.receive(scm::mutable_buffer{&told.given_up, sizeof told.given_up}, 0, {.until = scm::in(patience)});
  if (!message && message.error() == scm::errc::end_of_file) return std::unexpected{last_words(channel, child)};
  if (!message) return failed("wait for the child to confine itself", message.error());
  if (message->size != sizeof told.given_up) return std::unexpected{"the child's greeting is not one"};
  if (message->sender) told.greeter = {message->sender->pid, message->sender->uid, message->sender->gid};
  if (told.greeter.pid != child.pid()) return std::unexpected{"the greeting is not from the child"};
  return {};
}

/// Waits for the signal.
outcome<void> wait_for(scm::borrowed_fd done, scm::seqpacket& channel, child_process& child, clock::time_point until) {
  std::array<pollfd, 2> events{{{done.native_handle(), POLLIN, 0}, {child.pidfd().native_handle(), POLLIN, 0}}};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
    const int count = left <= 0 ? 0 : poll(events.data(), events.size(), static_cast<int>(std::min(left, 60'000L)));
    if (count < 0 && errno != EINTR) return failed("wait for the answer");
    if (count == 0 && left <= 0) {
      return std::unexpected{"there is no answer in time; the child was killed (is the file on a slow disk?)"};
    }
    if (count > 0 && events[0].revents != 0) return {};  // looked at first: a child that is done ends at once
    if (count > 0 && events[1].revents != 0) return std::unexpected{last_words(channel, child)};
  }
}

}  // namespace

outcome<errand> run_errand(const std::string& name) {
  errand told;
  told.file = name;
  const auto file = open_file(name);
  if (!file) return std::unexpected{file.error()};
  const auto sheet = make_answer_sheet();
  if (!sheet) return std::unexpected{sheet.error()};
  const scm::owned_fd done{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!done) return failed("make an eventfd");

  auto channel = scm::seqpacket::pair();
  if (!channel) return failed("make a channel", channel.error());
  auto& [ours, theirs] = *channel;
  for (scm::seqpacket* end : {&ours, &theirs}) {
    if (auto set = end->set(scm::receive_item::credentials, true); !set)
      return failed("ask for credentials", set.error());
  }

  const auto start = clock::now();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return failed("start a child");
  if (pid == 0) live_as_child(theirs, parent);
  auto child = child_process::hold(pid);
  if (!child) return std::unexpected{child.error()};
  told.child = pid;
  {
    const scm::seqpacket dropped{std::move(theirs)};
  }  // or the child's end would never be seen

  if (auto greeted = receive_greeting(ours, *child, told); !greeted) return std::unexpected{greeted.error()};
  told.start_time = clock::now() - start;

  const std::array<scm::borrowed_fd, slots> things{*file, *sheet, done};
  for (std::size_t i = 0; i != slots; ++i) {
    auto one = scm::describe(things[i]);
    if (!one) return failed("describe what is sent", one.error());
    told.sent[i] = std::move(*one);
  }

  const auto handed_over = clock::now();
  const std::uint64_t size = told.sent[file_slot].size.value_or(0);
  const auto until = handed_over + patience + std::chrono::seconds{size / bytes_per_second};
  if (const auto sent = ours.send(absolute(name), things, {.until = until}); !sent) {
    if (sent.error() == std::errc::broken_pipe) return std::unexpected{last_words(ours, *child)};
    return failed("send the file to the child", sent.error());
  }
  if (auto answered = wait_for(done, ours, *child, until); !answered) return std::unexpected{answered.error()};
  told.answer_time = clock::now() - handed_over;

  auto given = read_answer(*sheet);
  if (!given) return std::unexpected{given.error()};
  told.given = *given;
  return told;
}

}  // namespace demo
