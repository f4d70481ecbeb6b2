#include "service/supervisor_call.hpp"

#include "core/os_error.hpp"

#include <algorithm>
#include <array>

namespace scm::inline v0_1::detail {
namespace {

constexpr std::uint32_t compatibility = 0x80000000;  // MSG_CMSG_COMPAT

constexpr int messages_at_once = 64;

call_step answered(std::int64_t value) noexcept { return {call_step::next::answer, value, no_deadline}; }

}  // namespace

int supervised_call::begin(supervised_kernel& kernel) noexcept {
  // Of a 64-bit program the flag is an error, of a 32-bit one it is what the kernel adds itself (kernel fact H4).
  if (request_.layout == abi::lp64 && (request_.flags & compatibility) != 0) return EINVAL;
  request_.flags &= ~compatibility;
  if (request_.batch) {
    if (const int fault = begin_batch(kernel); fault != 0) return fault;
  }
  auto fetched = kernel.fetch(request_.descriptor);  // looked up before the header is read
  if (!fetched) return number_of_error(fetched.error());
  socket_.fd = std::move(*fetched);
  const auto type = kernel.option(socket_.fd.get(), SO_TYPE);
  if (!type) return number_of_error(type.error());
  socket_.type = *type;
  if (request_.batch && request_.use == message_use::receive && (request_.flags & MSG_ERRQUEUE) == 0) {
    const auto error = kernel.option(socket_.fd.get(), SO_ERROR);  // taken, as recvmmsg(2) does
    if (error && *error != 0) return *error;
  }
  return 0;
}

int supervised_call::begin_batch(supervised_kernel& kernel) noexcept {
  if (request_.use == message_use::send) {
    request_.count = std::min(request_.count, static_cast<std::uint32_t>(limits::messages_per_batch));
  }
  if (request_.timeout == 0) return 0;
  std::array<std::byte, 16> bytes{};
  const foreign_source source{request_.timeout, std::span{bytes}.first(time_size(request_.timeout_layout))};
  const auto got = kernel.memory().read({&source, 1});
  if (!got) return number_of_error(got.error());
  if (*got < source.into.size()) return EFAULT;
  const auto span = as_timeout(decode_time(bytes, request_.timeout_layout));
  if (!span) return EINVAL;
  const auto now = kernel.now();
  end_ = *span > no_deadline - now ? no_deadline : now + *span;
  left_ = *span;
  return 0;
}

std::uint32_t supervised_call::flags_of_entry() const noexcept {
  std::uint32_t flags = request_.flags;
  if (request_.batch && request_.use == message_use::receive && (flags & MSG_WAITFORONE) != 0) {
    flags &= ~std::uint32_t{MSG_WAITFORONE};
    if (done_ != 0) flags |= MSG_DONTWAIT;
  }
  return flags;
}

// One attempt at the message whose turn it is, whose snapshot is taken at the first.
entry_outcome supervised_call::attempt(supervised_kernel& kernel) noexcept {
  if (!receive_ && !send_) {
    const std::uint64_t address =
        request_.address + std::uint64_t{done_} * message_layout_of(request_.layout).batch_header;
    const std::size_t most = request_.layout == abi::lp64 ? desk_->most_control : limits::foreign_control_bytes;
    auto message = foreign_message::read(kernel.memory(), address, request_.layout, request_.use, most);
    if (!kernel.valid()) return entry_outcome::failure(ESRCH);
    if (!message) return entry_outcome::failure(number_of_error(message.error()));
    if (request_.use == message_use::send) {
      send_.emplace(std::move(*message));
    } else {
      receive_.emplace(std::move(*message), address, request_.batch);
    }
  }
  if (receive_) return receive_->attempt(kernel, *desk_, socket_, flags_of_entry());
  // Of a header's own flags only MSG_EOR counts, and only in a batch (__sys_sendmmsg).
  const std::uint32_t record_end = request_.batch ? send_->message().header().flags & MSG_EOR : 0;
  return send_->attempt(kernel, *desk_, socket_, flags_of_entry() | record_end);
}

bool supervised_call::batch_goes_on(supervised_kernel& kernel, const entry_outcome& after) noexcept {
  ++done_;
  if (end_) {
    const auto now = kernel.now();
    left_ = *end_ == no_deadline ? left_ : std::max(std::chrono::nanoseconds{}, *end_ - now);
    if (left_ == std::chrono::nanoseconds{}) return false;
  }
  return !after.ends_batch && done_ < request_.count;
}

std::int64_t supervised_call::batch_answer(supervised_kernel& kernel, int error) noexcept {
  if (done_ == 0) return -error;
  if (request_.timeout != 0) {
    constexpr std::int64_t second = 1'000'000'000;
    std::array<std::byte, 16> bytes{};
    const auto room = std::span{bytes}.first(time_size(request_.timeout_layout));
    if (!encode_time({left_.count() / second, left_.count() % second}, request_.timeout_layout, room)) return -EFAULT;
    const foreign_target target{request_.timeout, room};
    if (!kernel.valid()) return -ESRCH;
    const auto written = kernel.memory().write({&target, 1});
    if (!written || *written != room.size()) return -EFAULT;
  }
  return done_;
}

call_step supervised_call::advance(supervised_kernel& kernel) noexcept {
  if (!begun_) {
    begun_ = true;
    if (const int fault = begin(kernel); fault != 0) return answered(-fault);
    if (request_.batch && request_.count == 0) return answered(0);
  }
  for (int turn = 0;; ++turn) {
    // Others have their turn: an array may have 2^32 messages, and an end of file fills them all (kernel fact F6).
    if (turn == messages_at_once) return {call_step::next::back_off, 0, kernel.now()};
    const entry_outcome outcome = attempt(kernel);
    switch (outcome.what) {
      using enum entry_outcome::kind;
      case readable:
        return {call_step::next::readable, 0, outcome.until};
      case writable:
        return {call_step::next::writable, 0, outcome.until};
      case back_off:
        return {call_step::next::back_off, 0, outcome.until};
      case failed:
        if (!request_.batch) return answered(-outcome.error);
        // A receive leaves it for the next call, but for what is no error.
        if (request_.use == message_use::receive && done_ != 0 && outcome.error != EAGAIN) {
          kernel.leave_error(socket_.fd.get(), outcome.error);
        }
        return answered(batch_answer(kernel, outcome.error));
      case finished:
        break;
    }
    if (!request_.batch) return answered(static_cast<std::int64_t>(outcome.bytes));
    if (send_) {
      if (!kernel.valid()) return answered(-ESRCH);
      const auto told = send_->message().write_length(kernel.memory(), static_cast<std::uint32_t>(outcome.bytes));
      if (!told) return answered(batch_answer(kernel, number_of_error(told.error())));
    }
    receive_.reset();
    send_.reset();
    if (!batch_goes_on(kernel, outcome)) return answered(batch_answer(kernel, 0));
  }
}

std::int64_t supervised_call::interrupted(supervised_kernel& kernel, bool may_restart) noexcept {
  const bool limited = receive_ ? receive_->limited() : send_ && send_->limited();
  const int number = may_restart && !limited ? restart_system : EINTR;
  std::int64_t answer = -number;
  if (receive_ && receive_->begun() != 0) {
    const auto outcome = receive_->cut_short(kernel, *desk_);
    answer = outcome.what == entry_outcome::kind::finished ? static_cast<std::int64_t>(outcome.bytes) : -outcome.error;
  } else if (send_ && send_->begun() != 0) {
    answer = static_cast<std::int64_t>(send_->begun());
    if (request_.batch) {
      const auto told = send_->message().write_length(kernel.memory(), static_cast<std::uint32_t>(answer));
      if (!told) answer = -number_of_error(told.error());
    }
  }
  if (!request_.batch) return answer;
  if (answer >= 0) ++done_;
  return batch_answer(kernel, answer < 0 ? static_cast<int>(-answer) : 0);
}

}  // namespace scm::inline v0_1::detail
