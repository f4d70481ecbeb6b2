#include "service/control_connection.hpp"

#include "core/os_error.hpp"
#include "service/control_admission.hpp"
#include "service/control_commands.hpp"
#include "service/control_loop.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <utility>

namespace scm::inline v0_1::detail {

using boost::asio::posix::stream_descriptor;

control_connection::control_connection(control_loop& loop, stream&& socket, control_share& owner)
    : loop_{loop},
      socket_{std::move(socket)},
      events_{loop.events},
      lines_{loop.options.limits.line, loop.options.limits.descriptors_per_line},
      mode_{loop.options.mode} {
  share = &owner;
}

void control_connection::open(std::list<std::shared_ptr<control_connection>>::iterator place) noexcept {
  const auto alive = shared_from_this();
  place_ = place;
  open_ = true;
  ++share->connections;
  ++share->unauthenticated;
  ++loop_.statistics.connections;
  ++loop_.statistics.unauthenticated;
  try {
    events_.assign(socket_.fd().native_handle());
    loop_.expect(*this, loop_.hellos, loop_.options.limits.unauthenticated_for);
    prompt();
    flush();
    if (open_) arm_read();
  } catch (...) {  // no memory, here or in the kernel
    close();
  }
}

void control_connection::close() noexcept {
  if (!std::exchange(open_, false)) return;
  const auto alive = shared_from_this();
  if (events_.is_open()) (void)events_.release();  // what waits is told; the socket is the channel's
  const owned_fd gone = std::move(socket_).release();
  control_member::unlink();
  control_due::unlink();
  answers_ = 0;
  output_ = {};
  lines_ = {0, 0};
  take_.reset();
  account();
  --loop_.statistics.connections;
  --share->connections;
  if (!authenticated_) {
    --share->unauthenticated;
    --loop_.statistics.unauthenticated;
  }
  loop_.shares.release(*share);
  share = nullptr;
  loop_.connections.erase(place_);
  loop_.end_if_done();
}

void control_connection::turn() noexcept {
  const auto alive = shared_from_this();
  try {
    serve();
  } catch (...) {  // no memory for this client's line or answer
    close();
  }
}

void control_connection::serve() {
  if (!open_ || closing_) return;
  if (!lines_.more()) {
    switch (receive()) {
      case got::something:
        break;
      case got::nothing:
        if (open_ && !closing_) arm_read();
        return;
      case got::failed:
        if (open_) flush();
        return;
    }
  }
  for (int i = 0; open_ && !closing_ && i != control_lines_per_turn && output_.bytes() < control_bytes_per_turn; ++i) {
    const auto line = lines_.next();
    if (!line) break;
    command(*line);
  }
  if (!open_) return;
  if (!closing_ && lines_.fault()) fail(*lines_.fault());
  if (!closing_) lines_.settle();
  account();
  flush();
  if (!open_ || closing_) return;
  if (lines_.more()) {
    loop_.due(*this);
  } else {
    arm_read();
  }
}

control_connection::got control_connection::receive() {
  const auto& limits = loop_.options.limits;
  const std::size_t room =
      share->descriptors < limits.descriptors_per_uid ? limits.descriptors_per_uid - share->descriptors : 0;
  const std::size_t most = std::min(room, limits.descriptors_per_line - lines_.held());
  auto message = socket_.receive_partial(loop_.chunk, most, {.until = dont_wait});
  if (!message) {
    if (would_block(message.error())) return got::nothing;
    if (message.error() == errc::end_of_file && !output_.empty()) {
      finish();
    } else {
      close();
    }
    return got::failed;
  }
  const auto& sender = message->sender;
  if (!lets_in(loop_.options.access, sender)) {
    fail(line_fault::unattested);
    return got::failed;
  }
  if (message->surplus != 0) {
    fail(line_fault::too_many_descriptors);
    return got::failed;
  }
  bool lost = message->descriptors_lost;
  for (std::size_t i = 0; i != message->descriptors.size(); ++i) lost |= !message->descriptors[i];
  if (lost) {
    ++loop_.statistics.lost;
    fail(EMFILE, "descriptors were lost: no more can be opened here now, try again later");
    return got::failed;
  }
  loop_.statistics.descriptors_in += message->descriptors.size();
  if (const auto fault = lines_.add({loop_.chunk.data(), message->size}, sender, std::move(message->descriptors),
                                    std::move(message->sender_pidfd))) {
    fail(*fault);
    return got::failed;
  }
  return got::something;
}

void control_connection::command(std::string_view line) {
  if (!std::exchange(authenticated_, true)) {
    --share->unauthenticated;
    --loop_.statistics.unauthenticated;
    control_due::unlink();
  }
  auto& words = loop_.words;
  const bool text = split_words(line, words);
  if (text && words.empty()) return prompt();
  if (share->lines >= loop_.options.limits.lines_per_uid) return fail(line_fault::too_long);
  ++loop_.statistics.lines;
  if (!text) {
    answer(control_answer::error(EINVAL, "control characters in a line"));
  } else if (const std::string_view name = words.front(); name == "ping") {
    answer({.text = "PONG"});
  } else if (name == "version") {
    answer({.text = version_text(loop_.options)});
  } else if (name == "stat") {
    answer({.text = stat_text(loop_.counted())});
  } else if (name == "stats") {
    answer({.text = stats_text(loop_.counted())});
  } else if (name == "quit" || name == "exit") {
    finish();
  } else if (name == "prompt") {
    if (const auto mode = mode_asked(words, mode_)) {
      mode_ = *mode;
      return prompt();
    }
    answer(control_answer::error(EINVAL, "prompt takes n (one command), i (interactive) or p (with a prompt)"));
  } else if (const auto known = loop_.handlers.find(name); known != loop_.handlers.end()) {
    control_request request{words, lines_.sender(), lines_.pidfd(), lines_.descriptors()};
    try {
      answer(known->second(request));
    } catch (const std::bad_alloc&) {
      ++loop_.statistics.errors;
      answer(control_answer::error(ENOMEM, "no memory for this command"));
    } catch (const std::exception& failure) {
      ++loop_.statistics.errors;
      answer(control_answer::error(EIO, std::string{name} + ": " + failure.what()));
    } catch (...) {
      ++loop_.statistics.errors;
      answer(control_answer::error(EIO, std::string{name} + " failed"));
    }
  } else {
    answer(control_answer::error(ENOSYS, "no such command: " + std::string{name.substr(0, 64)}));
  }
  if (!open_ || closing_) return;
  if (mode_ == control_mode::non_interactive) return finish();
  prompt();
}

void control_connection::answer(control_answer&& with) {
  if (with.descriptors && with.descriptors->size() > limits::descriptors_per_message) {
    with = control_answer::error(E2BIG, "the answer has more descriptors than one message carries");
  }
  with.text += '\n';
  output_.add(with.text, std::move(with.descriptors));
  ++answers_;
  account();
  if (share->descriptors > loop_.options.limits.descriptors_per_uid) flush();
  if (!open_) return;
  if (output_.bytes() > loop_.options.limits.output_bytes) flush();
  if (!open_) return;
  if (with.take) {
    take_ = std::make_unique<std::function<void(stream&&)>>(std::move(with.take));
    finish();
  } else if (with.close) {
    finish();
  }
}

void control_connection::fail(int number, std::string_view message) {
  lines_ = {0, 0};  // and what is held with them
  output_.add(error_text(number, message) + '\n');
  ++answers_;
  account();
  finish();
}

void control_connection::fail(line_fault why) {
  switch (why) {
    case line_fault::unattested:
    case line_fault::mixed:
      ++loop_.statistics.not_authentic;
      return fail(EACCES, "AUTH");
    case line_fault::too_long:
    case line_fault::too_many_descriptors:
      ++loop_.statistics.over_limit;
      return fail(E2BIG, "RATE");
    case line_fault::ambiguous:
      ++loop_.statistics.ambiguous;
      return fail(EINVAL,
                  "descriptors came with bytes of more than one line: send such a line by itself, when all lines "
                  "before it are answered");
  }
}

void control_connection::prompt() {
  if (mode_ == control_mode::prompt) output_.add("; ");
}

void control_connection::flush() {
  const auto sent = output_.flush(socket_);
  if (!sent) return close();
  loop_.statistics.descriptors_out += sent->descriptors - sent->refused;
  if (output_.empty()) {
    answers_ = 0;
    account();
    if (!closing_) return;
    if (take_ && lines_.empty()) return hand_over();
    return close();
  }
  account();
  if (output_.bytes() > loop_.options.limits.output_bytes ||
      share->descriptors > loop_.options.limits.descriptors_per_uid) {
    ++loop_.statistics.slow;
    return close();
  }
  arm_write();
}

void control_connection::finish() noexcept {
  if (!open_ || std::exchange(closing_, true)) return;
  control_member::unlink();
  control_due::unlink();
  loop_.expect(*this, loop_.farewells, loop_.options.grace);
}

void control_connection::drain() noexcept {
  finish();
  writable();
}

void control_connection::writable() noexcept {
  const auto alive = shared_from_this();
  try {
    if (open_) flush();
  } catch (...) {
    close();
  }
}

void control_connection::hand_over() {
  const auto take = std::move(*take_);
  asio_code ignored;  // where it does not become a waiting socket again, whoever gets it can still use it
  events_.native_non_blocking(false, ignored);
  (void)events_.release();
  stream whole = std::move(socket_);
  close();
  try {
    take(std::move(whole));
  } catch (...) {  // theirs, and nobody is left to be told
  }
}

void control_connection::arm_read() {
  if (std::exchange(reading_, true)) return;
  events_.async_wait(stream_descriptor::wait_read, [self = shared_from_this()](asio_code) {
    self->reading_ = false;
    if (self->open_ && !self->closing_) self->loop_.due(*self);
  });
}

void control_connection::arm_write() {
  if (std::exchange(writing_, true)) return;
  events_.async_wait(stream_descriptor::wait_write, [self = shared_from_this()](asio_code) {
    self->writing_ = false;
    self->writable();
  });
}

void control_connection::account() noexcept {
  const std::size_t descriptors = lines_.held() + output_.descriptors();
  share->descriptors += descriptors - std::exchange(descriptors_, descriptors);
  share->lines += answers_ - std::exchange(counted_answers_, answers_);
}

}  // namespace scm::inline v0_1::detail
