#include "child.hpp"

#include "answer.hpp"
#include "answer_sheet.hpp"
#include "digest.hpp"
#include "outcome.hpp"
#include "sandbox.hpp"

#include <scm/inspect.hpp>

#include <linux/limits.h>
#include <unistd.h>

#include <exception>
#include <string>

namespace demo {
namespace {

using namespace std::chrono_literals;

std::unexpected<std::string> unexpected_thing(std::string_view what, std::string_view wanted) {
  return std::unexpected{fmt::format("the {} that arrived is not {}", what, wanted)};
}

/// Trust nothing: a descriptor says nothing about what it is.
outcome<void> check(const scm::descriptor_list& things) {
  if (things.size() != slots) {
    return std::unexpected{fmt::format("{} descriptors arrived instead of {}", things.size(), int{slots})};
  }
  const auto file = scm::describe(things[file_slot]);
  const auto sheet = scm::describe(things[answer_slot]);
  const auto done = scm::describe(things[done_slot]);
  if (!file || !sheet || !done) return std::unexpected{"what arrived cannot be described"};

  using scm::descriptor_kind;
  if (file->kind != descriptor_kind::regular_file || file->access != scm::access_mode::read) {
    return unexpected_thing("file", "a regular file, open for reading only");
  }
  const bool sealed = sheet->seals && sheet->seals->contains(scm::seal_set{} | scm::seal::shrink | scm::seal::grow);
  if (sheet->kind != descriptor_kind::memfd || !sealed || sheet->size != sizeof(answer)) {
    return unexpected_thing("memory", "a memfd of the right size, sealed against shrinking and growing");
  }
  // Without /proc, which the child has given up, an eventfd is known to be some object of the kernel's, no more.
  if (done->kind != descriptor_kind::eventfd && done->kind != descriptor_kind::anonymous) {
    return unexpected_thing("signal", "an eventfd");
  }
  return {};
}

identity seen(const scm::credentials& process) noexcept { return {process.pid, process.uid, process.gid}; }

outcome<void> work(scm::seqpacket& channel) {
  std::string name(PATH_MAX, '\0');
  auto message = channel.receive(name, slots, {.until = scm::in(10s)});
  if (!message) return failed("the child: receive the file", message.error());
  name.resize(message->size);

  if (auto checked = check(message->descriptors); !checked) return checked;
  answer given;
  if (message->sender) given.sender = seen(*message->sender);
  if (const auto& peer = channel.peer().process.value) given.connector = seen(*peer);
  given.open_error = try_to_open(name.c_str());
  given.connect_error = try_to_connect();
  if (auto read = digest(message->descriptors[file_slot], given); !read) return read;
  if (auto written = write_answer(message->descriptors[answer_slot], given); !written) return written;

  const std::uint64_t one = 1;
  if (write(message->descriptors[done_slot].native_handle(), &one, sizeof one) != sizeof one) {
    return failed("signal the eventfd");
  }
  return {};
}

}  // namespace

void live_as_child(scm::seqpacket& channel, pid_t parent) noexcept {
  std::string sorrow;
  try {
    const confinement greeting = enter_sandbox(channel.fd(), parent);
    if (!channel.send(scm::const_buffer{&greeting, sizeof greeting})) _exit(1);
    const auto done = work(channel);
    if (done) _exit(0);
    sorrow = done.error();
  } catch (const std::exception& error) {
    sorrow = error.what();
  }
  (void)channel.send(sorrow, {}, {.until = scm::in(1s)});
  _exit(1);
}

}  // namespace demo
