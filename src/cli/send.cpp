#include "cli/send.hpp"

#include "cli/bounds.hpp"
#include "cli/endpoint.hpp"
#include "cli/failure.hpp"
#include "cli/place.hpp"
#include "cli/process_table.hpp"
#include "cli/standard_streams.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scm::cli {
namespace {

constexpr auto send_footer = R"(
{}

All descriptors go in one message, the FILEs first and at most 253 of them. Its bytes are what --text or --data says,
else the names of what is sent, one a line: the FILEs' last components, and fd:N for descriptors given with --fd.

After sending, scm stays until the receiver has hung up, a fifth of a second at most, so that the receiver can look at
what program it is.

Exit status: 0 when the kernel has queued the message, which is not to say that anybody has read it; 1 when it was not
sent; 2 for wrong usage.

  scm send /run/x.sock notes.txt              one file, opened read-only, to who listens there
  scm send /run/x.sock --write disk.img       opened for reading and writing
  scm send @x --fd 3 --text hello 3<>fifo     a descriptor of the shell's
  scm send /run/x.sock --fd 1234:7            descriptor 7 of process 1234
)";

/// N or PID:N.
struct wanted_descriptor {
  std::optional<pid_t> process;
  int number = -1;
};

std::optional<wanted_descriptor> parse_wanted(std::string_view text) noexcept {
  const auto colon = text.find(':');
  if (colon == text.npos) {
    const auto number = parse_number(text);
    return number ? std::optional{wanted_descriptor{{}, *number}} : std::nullopt;
  }
  const auto process = parse_number(text.substr(0, colon));
  const auto number = parse_number(text.substr(colon + 1));
  if (!process || *process == 0 || !number) return {};
  return wanted_descriptor{process, *number};
}

/// A file's name as the receiver gets it: the last component, on one line.
std::string base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  std::string name{path.substr(path.rfind('/') + 1)};
  std::ranges::replace(name, '\n', '?');
  return name;
}

struct send_options {
  place_options at;
  std::vector<std::string> files;
  std::vector<std::string> descriptors;
  std::optional<std::string> text;
  std::string data;
  bool write = false;
};

/// What goes into the message.
class consignment {
 public:
  [[nodiscard]] const std::vector<borrowed_fd>& descriptors() const noexcept { return lent_; }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

  [[nodiscard]] outcome<> gather(const send_options& chosen) {
    std::vector<wanted_descriptor> wanted;
    wanted.reserve(chosen.descriptors.size());
    for (const auto& text : chosen.descriptors) wanted.push_back(*parse_wanted(text));
    if (chosen.files.size() + wanted.size() > limits::descriptors_per_message) {
      return failed(fmt::format("{} descriptors are too many: the kernel takes at most {} in one message",
                                chosen.files.size() + wanted.size(), limits::descriptors_per_message));
    }
    // Before anything is opened: a number that is free now would be taken by one of our own.
    for (const auto& one : wanted) {
      if (!one.process && !was_inherited(one.number)) {
        return failed(fmt::format("scm was not started with a descriptor {}", one.number));
      }
    }
    for (const auto& path : chosen.files) {
      if (auto opened = open(path, chosen.write); !opened) return opened;
    }
    for (const auto& one : wanted) {
      if (auto got = fetch(one); !got) return got;
    }
    return take_bytes(chosen);
  }

 private:
  void keep(owned_fd&& descriptor) {
    lent_.push_back(descriptor.get());
    owned_.push_back(std::move(descriptor));
  }

  outcome<> open(const std::string& path, bool write) {
    owned_fd file{::open(path.c_str(), (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY)};
    if (!file) return failed(step::open, "open " + shown(path), os_code(errno));
    keep(std::move(file));
    names_ += base_name(path) + '\n';
    return {};
  }

  outcome<> fetch(const wanted_descriptor& wanted) {
    if (!wanted.process) {
      lent_.emplace_back(wanted.number);
      names_ += fmt::format("fd:{}\n", wanted.number);
      return {};
    }
    const auto doing = fmt::format("fetch descriptor {} of process {}", wanted.number, *wanted.process);
    const auto table = process_table::open(*wanted.process);
    if (!table) return failed(step::other, doing, table.error());
    auto fetched = table->fetch(wanted.number);
    if (!fetched) {
      auto why = failed(step::other, doing, fetched.error());
      if (fetched.error() == std::errc::operation_not_permitted) {
        why.error().text += "; it takes the right to trace that process (ptrace(2))";
      }
      return why;
    }
    keep(std::move(*fetched));
    names_ += fmt::format("fd:{}:{}\n", *wanted.process, wanted.number);
    return {};
  }

  outcome<> take_bytes(const send_options& chosen) {
    if (chosen.text) {
      bytes_ = *chosen.text;
    } else if (chosen.data.empty()) {
      bytes_ = std::move(names_);
    } else {
      return read_data(chosen.data);
    }
    return {};
  }

  outcome<> read_data(const std::string& path) {
    const bool standard = path == "-";
    const std::string doing = standard ? "read standard input" : "read " + shown(path);
    owned_fd file;
    if (!standard) {
      file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
      if (!file) return failed(step::open, doing, os_code(errno));
    }
    const int from = standard ? STDIN_FILENO : file.native_handle();
    std::vector<char> some(std::size_t{1} << 16);
    for (;;) {
      const ssize_t got = ::read(from, some.data(), some.size());
      if (got < 0) return failed(step::other, doing, os_code(errno));
      if (got == 0) return {};
      bytes_.append(some.data(), static_cast<std::size_t>(got));
      if (bytes_.size() > bounds::data_bytes) {
        return failed(fmt::format("--data takes at most {} bytes: send more as a FILE", bounds::data_bytes));
      }
    }
  }

  std::vector<owned_fd> owned_;
  std::vector<borrowed_fd> lent_;
  std::string names_;
  std::string bytes_;
};

std::error_code send_once(channel& to, const consignment& what, const scm::send_options& options) {
  if (to.type() == socket_type::stream) {
    const auto sent = static_cast<stream&>(to).send_all(what.bytes(), what.descriptors(), options);
    return sent ? std::error_code{} : sent.error().code;
  }
  const auto sent = to.send(what.bytes(), what.descriptors(), options);
  return sent ? std::error_code{} : sent.error().code;
}

std::error_code send_message(channel& to, const consignment& what) {
  // With credentials of its own, the message says whom it is from even to a receiver that asks only after it was sent
  // (kernel fact E4). A user that its namespace does not map cannot claim to be itself (E12) and goes without.
  auto failure = send_once(to, what, {.as = credentials::own()});
  if (failure == std::errc::invalid_argument) failure = send_once(to, what, {});
  if (failure == std::errc::message_size && to.set_send_buffer(what.bytes().size())) {
    failure = send_once(to, what, {.as = credentials::own()});
  }
  return failure;
}

int run(const send_options& chosen) {
  const place at = chosen.at.parsed();
  consignment what;
  // All that can wait for a file or a person comes before the socket's file exists.
  if (const auto gathered = what.gather(chosen); !gathered) return complain(gathered.error().text);
  endpoint end;
  if (const auto opened = end.open(at, role::sender); !opened) return complain(opened.error().text);
  std::error_code error;
  do {
    const auto to = end.next();
    if (!to) return complain(to.error().text);
    error = send_message(**to, what);
  } while (end.listens() && error == std::errc::broken_pipe);  // it only looked whether somebody listens
  if (!error) {
    end.let_receiver_look();
    return exit_success;
  }
  const auto count = what.descriptors().size();
  const auto doing = fmt::format("send {} descriptor{} and {} bytes to {}", count, count == 1 ? "" : "s",
                                 what.bytes().size(), at.spelled);
  return complain(failed(step::send, doing, error).error().text);
}

}  // namespace

void add_send(CLI::App& program, std::function<int()>& action) {
  const auto chosen = std::make_shared<send_options>();
  auto* const command = program.add_subcommand("send", "Send open files, and bytes, in one message");
  command->footer(fmt::format(send_footer, address_help));
  chosen->at.add_to(*command, "Wait at ADDRESS for one receiver to connect, and send to that one");
  command->add_option("FILE", chosen->files, "Files to open and send")->type_name("");
  command
      ->add_option("--fd", chosen->descriptors,
                   "Send a descriptor that scm was started with, or one of another process")
      ->type_name("N|PID:N")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        return parse_wanted(text) ? std::string{} : "neither N nor PID:N: " + shown(text);
      });
  command->add_flag("--write", chosen->write, "Open the FILEs for reading and writing");
  auto* const text = command->add_option("--text", chosen->text, "Bytes of the message");
  auto* const data =
      command->add_option("--data", chosen->data, "File with the bytes of the message, - for standard input");
  data->type_name("FILE");
  data->excludes(text);
  command->callback([chosen, &action] {
    const auto& at = chosen->at;
    if (chosen->files.empty() && chosen->descriptors.empty() && !chosen->text && chosen->data.empty()) {
      throw CLI::ValidationError("nothing to send: give a FILE, --fd, --text or --data");
    }
    if (at.listen && at.type == "dgram") throw CLI::ValidationError("--listen: datagram sockets have no connections");
    if (at.replace && !at.listen) throw CLI::ValidationError("--replace goes with --listen");
    action = [chosen] { return run(*chosen); };
  });
}

}  // namespace scm::cli
