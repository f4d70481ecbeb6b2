#include "frame/record_receiver.hpp"

#include "core/run_closer.hpp"

namespace scm::inline v0_1::detail {

result<void> record_receiver::reserve() noexcept {
  try {
    arrived_.reserve(arrived_.size() + limits::descriptors_per_message);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return {};
}

void record_receiver::close_first(std::size_t count) noexcept {
  run_closer closer;
  for (std::size_t i = 0; i != count; ++i) {
    if (const int number = arrived_[i].release(); number >= 0) closer.add(number);
  }
}

record_error record_receiver::broken_by(const record_error& error) noexcept {
  close_first(arrived_.size());
  arrived_.clear();
  handed_out_ = 0;
  broken_ = error;
  return error;
}

result<record, record_error> record_receiver::receive(const receive_options& options) noexcept {
  if (broken_) return std::unexpected{*broken_};
  for (;;) {
    const auto found = decoder_.next();
    if (!found) {
      if (found.error() == errc::abandoned) {
        handed_out_ += decoder_.dropped();
        return std::unexpected{found.error()};
      }
      if (found.error() == std::errc::not_enough_memory) return std::unexpected{found.error()};
      return std::unexpected{broken_by(found.error())};
    }
    if (const auto& one = *found) {
      const auto descriptors = std::span{arrived_}.subspan(handed_out_, one->descriptors);
      handed_out_ += one->descriptors;
      return record{one->bytes, descriptors};
    }
    if (auto more = receive_more(options); !more) return std::unexpected{more.error()};
  }
}

/// One receive of whatever is there; what went with earlier records is closed before it.
result<void, record_error> record_receiver::receive_more(const receive_options& options) noexcept {
  close_first(handed_out_);
  arrived_.erase(arrived_.begin(), arrived_.begin() + static_cast<std::ptrdiff_t>(handed_out_));
  handed_out_ = 0;
  const record_error here = decoder_.end();
  if (const auto room = reserve(); !room) return std::unexpected{record_error{room.error(), here.position}};

  const auto got = from_.receive(incoming_, decoder_.room(), limits::descriptors_per_message, options);
  if (!got) {
    const std::error_code code = got.error().code;
    if (code == errc::end_of_file) return std::unexpected{broken_by(here)};
    const bool lost = code == errc::descriptors_lost || code == errc::refused || code == errc::payload_cut ||
                      code == errc::over_limit || code == errc::malformed;
    const record_error error{code, here.position};
    return std::unexpected{lost ? broken_by(error) : error};
  }
  descriptor_list& came = incoming_.descriptors;
  for (std::size_t i = 0; i != came.size(); ++i) arrived_.push_back(came.take(i));
  decoder_.commit(incoming_.size, came.size());
  return {};
}

}  // namespace scm::inline v0_1::detail
