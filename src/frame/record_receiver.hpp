/// The receiving side of a channel of records.
#pragma once

#include <scm/channel/channel.hpp>
#include <scm/frame/record.hpp>
#include <scm/frame/record_decoder.hpp>

#include <optional>
#include <vector>

namespace scm::inline v0_1::detail {

class record_receiver {
 public:
  record_receiver(channel& from, record_decoder&& decoder) noexcept : from_{from}, decoder_{std::move(decoder)} {}
  record_receiver(const record_receiver&) = delete;
  record_receiver& operator=(const record_receiver&) = delete;
  ~record_receiver() { close_first(arrived_.size()); }

  /// Room for the descriptors of a packet.
  [[nodiscard]] result<void> reserve() noexcept;
  /// Contract: `record_channel::receive`.
  result<record, record_error> receive(const receive_options& options) noexcept;

 private:
  result<void, record_error> receive_more(const receive_options& options) noexcept;
  record_error broken_by(const record_error& error) noexcept;
  void close_first(std::size_t count) noexcept;

  channel& from_;
  record_decoder decoder_;
  message incoming_;
  std::vector<owned_fd> arrived_;  // the first `handed_out_` of them went with records
  std::size_t handed_out_ = 0;
  std::optional<record_error> broken_;
};

}  // namespace scm::inline v0_1::detail
