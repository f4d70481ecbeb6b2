/// This library's records as a contender.
#include "contender.hpp"

#include <scm/frame.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace bench {
namespace {

class packed_scm_end : public endpoint {
 public:
  packed_scm_end(scm::record_channel&& channel, std::size_t records, const traffic& messages)
      : channel_{std::move(channel)},
        bytes_(messages.bytes, 'm'),
        lent_(messages.lent.begin(), messages.lent.end()),
        records_(records, scm::outgoing_record{bytes_, lent_}) {}

  void send(std::size_t messages) override {
    for (std::size_t left = messages; left != 0;) {
      const std::span some{records_.data(), std::min(left, records_.size())};
      const auto sent = channel_.send_many(some);
      if (!sent) throw std::system_error{sent.error(), "scm records: send"};
      left -= *sent;
    }
  }
  std::size_t receive(std::size_t messages) override {
    std::size_t arrived = 0;
    for (std::size_t i = 0; i != messages; ++i) {
      const auto record = channel_.receive();
      if (!record) throw std::system_error{record.error(), "scm records: receive"};
      if (record->bytes.size() != bytes_.size() || record->descriptors.size() > lent_.size()) {
        throw std::system_error{scm::errc::payload_cut, "scm records: receive"};
      }
      arrived += record->descriptors.size();
    }
    return arrived;
  }
  /// The channel closes what came with a message when it asks for the next one.
  void settle() override {
    if (const auto more = channel_.try_receive(); more || more.error() != std::errc::resource_unavailable_try_again) {
      throw std::runtime_error{"scm records: not everything was received"};
    }
  }

 private:
  scm::record_channel channel_;
  std::vector<char> bytes_;
  std::vector<scm::borrowed_fd> lent_;
  std::vector<scm::outgoing_record> records_;
};

class packed_scm_contender : public contender {
 public:
  explicit packed_scm_contender(std::size_t records) : records_{records} {}
  [[nodiscard]] std::string name() const override { return fmt::format("scm packed {}", records_); }
  [[nodiscard]] std::size_t batch() const override { return records_; }

  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(const traffic& messages) override {
    auto ends = scm::seqpacket::pair();
    if (!ends) throw std::system_error{ends.error(), "scm records: pair"};
    return {make_end(std::move(ends->first), messages), make_end(std::move(ends->second), messages)};
  }

 private:
  [[nodiscard]] std::unique_ptr<endpoint> make_end(scm::seqpacket&& over, const traffic& messages) const {
    auto channel = scm::record_channel::make(std::move(over), {.record_bytes = messages.bytes,
                                                               .record_descriptors = messages.descriptors,
                                                               .queued_bytes = 0,
                                                               .queued_descriptors = 0});
    if (!channel) throw std::system_error{channel.error(), "scm records: make"};
    return std::make_unique<packed_scm_end>(std::move(*channel), records_, messages);
  }

  std::size_t records_;
};

}  // namespace

std::unique_ptr<contender> make_packed_scm(std::size_t records) {
  return std::make_unique<packed_scm_contender>(records);
}

}  // namespace bench
