#include "cli/recv.hpp"

#include "cli/bounds.hpp"
#include "cli/command.hpp"
#include "cli/describe_text.hpp"
#include "cli/endpoint.hpp"
#include "cli/expectation_words.hpp"
#include "cli/failure.hpp"
#include "cli/interruption.hpp"
#include "cli/place.hpp"
#include "cli/received_text.hpp"
#include "cli/saved_file.hpp"

#include <scm/inspect/expectation_text.hpp>

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scm::cli {
namespace {

constexpr auto recv_footer = R"(
{}

Without a COMMAND each message is printed: its size, who sent it, its bytes (escaped), and one line for each descriptor.
With --json each is one object on a line of its own. With a COMMAND nothing is printed, and it is run once for each
message, one after the other.

{}

With --listen connections are accepted one after the other, each until its end, until --count messages have come; one
that sends nothing is passed over, and --count 0 goes on until a signal. Datagram sockets (--type dgram) always bind to
ADDRESS. On a stream, which has no messages, one is what one receive returns: all that a short send has sent, a part of
what a long one has.

A message counts only whole: when descriptors are lost or more than --max-fds, all of it is closed and reported.

{}
--expect states what the first descriptor of each message must be, given again the second, and so on. As many must come;
with --max-fds more may, and the last --expect holds for them. A message with another is closed and reported.

--save proposes the lines of the message as names, as scm send writes them, and fd-N where the line is not a plain file
name. Existing files are never touched.

Exit status: 0; 1 when a message or a file did not come whole, or none came; 2 for wrong usage. With a COMMAND its own
(the last that was not 0), 128 and the number of the signal that killed it, 127 when there is no such program, 126 when
it cannot be executed.

  scm recv /run/x.sock --listen                      show what comes
  scm recv /run/x.sock --listen -- sh -c 'cat <&3'   use the file without ever knowing its name
  scm recv @x --listen --save inbox                  keep a copy of its content
  scm recv @x --listen --expect memfd,seals=shrink   only what nobody can cut short
)";

struct recv_options {
  place_options at;
  std::optional<std::size_t> max;
  std::vector<std::string> expect;
  std::size_t count = 1;
  bool as_json = false;
  std::string save;
  std::uint64_t save_max = bounds::saved_bytes;
  std::vector<std::string> misplaced;
  std::vector<std::string> command;
};

/// A failed receive, with the numbers that help.
std::string loss_text(const receive_error& error, std::string_view from, bool expecting) {
  std::string text = failed(step::receive, fmt::format("receive from {}", from), error.code).error().text;
  if (error.code == errc::over_limit && expecting) {
    return fmt::format(
        "refused a message from {}: at least {} descriptors came, and at most {} expected; all of them "
        "were closed",
        from, error.installed, error.max == 1 ? "1 was" : fmt::format("{} were", error.max));
  }
  if (error.code == errc::over_limit) {
    return fmt::format(
        "refused a message from {}: at least {} descriptors came, and --max-fds is {}; all of them were "
        "closed. Try --max-fds {}",
        from, error.installed, error.max, limits::descriptors_per_message);
  }
  if (error.code == errc::descriptors_lost || error.code == errc::refused) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    text +=
        fmt::format(" ({} came and were closed again; the limit, ulimit -n, is {})", error.installed, limit.rlim_cur);
  }
  if (error.code == errc::payload_cut) text += fmt::format(" (the room is {} bytes)", bounds::message_bytes);
  return text;
}

/// Whether one message was lost and the next may be whole.
bool is_loss(std::error_code error) noexcept {
  for (const auto one : {errc::over_limit, errc::descriptors_lost, errc::refused, errc::payload_cut, errc::malformed,
                         errc::not_admitted}) {
    if (error == one) return true;
  }
  return false;
}

class reception {
 public:
  explicit reception(const recv_options& chosen) : chosen_{chosen} {}

  int run() {
    if (!chosen_.save.empty()) {
      auto opened = save_directory::open(chosen_.save);
      if (!opened) return complain(opened.error().text);
      directory_ = std::move(*opened);
    }
    const place at = chosen_.at.parsed();
    from_ = at.spelled;
    endpoint end;
    if (const auto opened = end.open(at, role::receiver); !opened) return complain(opened.error().text);
    for (const auto& text : chosen_.expect) expected_.push_back(*parse_expectation(text));
    do {
      const auto next = end.next();
      if (!next) return complain(next.error().text);
      read_all(**next);
    } while (end.listens() && wanted());
    if (seen_ == 0 && chosen_.count != 0 && status_ == exit_success) {
      return complain(fmt::format("no message came from {}: the other side closed the connection", from_));
    }
    return status_;
  }

 private:
  [[nodiscard]] bool wanted() const noexcept { return !stopped_ && (chosen_.count == 0 || seen_ < chosen_.count); }

  void read_all(channel& from) {
    while (wanted()) {
      auto got = receive(from);
      if (got) {
        ++seen_;
        handle(*got, from);
        continue;
      }
      if (got.error().code == errc::end_of_file) return;
      const auto& refused = got.error().refused;
      status_ = complain(refused ? refused_text(*refused) : loss_text(got.error(), from_, !expected_.empty()));
      if (!is_loss(got.error().code)) return;
      ++seen_;  // it came, after all: who is waited for has sent
      if (from.type() == socket_type::stream) return;
    }
  }

  result<message, admission_error> receive(channel& from) {
    if (expected_.empty()) {
      auto got = from.receive(buffer_, chosen_.max.value_or(limits::descriptors_per_message));
      if (!got) return std::unexpected{admission_error{got.error()}};
      return std::move(*got);
    }
    return from.receive(buffer_, {expected_, expected_.size(), chosen_.max.value_or(expected_.size())});
  }

  [[nodiscard]] std::string refused_text(const refusal& why) const {
    return fmt::format("refused a message from {}: {}; all its descriptors were closed", from_, why.text().view());
  }

  void handle(message& got, const channel& via) {
    const std::string_view bytes{buffer_.data(), got.size};
    if (!chosen_.command.empty()) {
      const auto status = run_command(chosen_.command, got.descriptors, bytes.size());
      if (!status) status_ = complain(status.error().text);
      if (status && *status != exit_success) status_ = *status;
      stopped_ = was_interrupted();
      return;
    }
    received what{
        .number = seen_, .bytes = bytes, .from = sender_of(got, via), .address_of_sender = {}, .descriptors = {}};
    if (got.from && got.from->kind() != address::form::unnamed) what.address_of_sender = got.from;
    const auto names = file_names(bytes, got.descriptors.size());
    for (std::size_t i = 0; i != got.descriptors.size(); ++i)
      what.descriptors.push_back(look_at(got.descriptors[i], names[i]));
    const bool printed = print(chosen_.as_json ? json_text(received_record(what)) + '\n' : received_text(what));
    if (printed) return;
    status_ = exit_failure;
    stopped_ = true;  // nobody would see what comes next
  }

  received_descriptor look_at(borrowed_fd fd, const std::string& name) {
    received_descriptor out{.what = describe(fd)};
    if (out.what)
      out.what->close_on_exec = false;  // of our own descriptor, not of what was sent; the record leaves it out
    if (!directory_) return out;
    if (out.what) {
      out.saved = directory_->save(fd, *out.what, name, chosen_.save_max);
    } else {
      out.saved = failed("not saved: what it is cannot be found out");
    }
    if (!*out.saved) status_ = complain((*out.saved).error().text);
    return out;
  }

  const recv_options& chosen_;
  std::string from_;
  std::vector<expectation> expected_;
  std::optional<save_directory> directory_;
  std::vector<char> buffer_ = std::vector<char>(bounds::message_bytes);
  std::size_t seen_ = 0;
  int status_ = exit_success;
  bool stopped_ = false;
};

}  // namespace

void add_recv(CLI::App& program, std::function<int()>& action, const std::optional<std::vector<std::string>>& words) {
  const auto chosen = std::make_shared<recv_options>();
  auto* const command = program.add_subcommand("recv", "Receive messages and show, save or hand on the files in them");
  command->footer(fmt::format(recv_footer, address_help, command_help, expectation_help));
  chosen->at.add_to(*command, "Wait at ADDRESS for senders to connect");
  command
      ->add_option("COMMAND", chosen->misplaced,
                   "After --: a program that is run with the descriptors, and its arguments")
      ->type_name("");
  command->add_option("--max-fds", chosen->max, "Most descriptors of one message; by default as many as it can carry")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{0}, limits::descriptors_per_message));
  command->add_option("--expect", chosen->expect, "What a descriptor must be, see below; again for the next one")
      ->type_name("RULES")
      ->allow_extra_args(false)
      ->check(expectation_fault);
  command->add_option("--count", chosen->count, "End after N messages; 0 is to end when the other side does")
      ->type_name("N")
      ->check([](const std::string& text) {
        return parse_number(text) ? std::string{} : "not a number from 0 on: " + shown(text);
      });
  auto* const json = command->add_flag("--json", chosen->as_json, "Print one JSON object on a line for each message");
  auto* const save = command->add_option("--save", chosen->save, "Copy the content of files into DIR, which exists");
  save->type_name("DIR");
  command->add_option("--save-max", chosen->save_max, "Most bytes that --save copies of one file")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false))
      ->needs(save);
  command->callback([chosen, json, save, &words, &action] {
    const auto& at = chosen->at;
    if (!chosen->misplaced.empty()) throw CLI::ValidationError("put -- before the COMMAND");
    if (words && words->empty()) throw CLI::ValidationError("a COMMAND is missing after --");
    if (words && (json->count() != 0 || save->count() != 0)) {
      throw CLI::ValidationError("--json and --save go without a COMMAND");
    }
    if (chosen->max && *chosen->max < chosen->expect.size()) {
      throw CLI::ValidationError("--max-fds is less than --expect asks for");
    }
    if (at.replace && !at.listen && at.type != "dgram") throw CLI::ValidationError("--replace goes with --listen");
    if (words) chosen->command = *words;
    action = [chosen] { return reception{*chosen}.run(); };
  });
}

}  // namespace scm::cli
