/// This library's batches as a contender.
#include "contender.hpp"

#include <scm/batch.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace bench {
namespace {

template <class Batch>
Batch made(scm::result<Batch>&& batch) {
  if (!batch) throw std::system_error{batch.error(), "scm batch: make"};
  return std::move(*batch);
}

class batched_scm_end : public endpoint {
 public:
  batched_scm_end(scm::seqpacket&& channel, std::size_t batch, const traffic& messages)
      : channel_{std::move(channel)},
        out_(made(scm::send_batch::make(batch, messages.descriptors))),
        in_(made(scm::receive_batch::make(batch, messages.bytes, messages.descriptors))),
        bytes_(messages.bytes, 'm'),
        lent_(messages.lent.begin(), messages.lent.end()) {}

  void send(std::size_t messages) override {
    for (std::size_t left = messages; left != 0;) {
      const std::size_t now = std::min(left, out_.capacity());
      while (out_.size() != now) {
        if (const auto added = out_.add(bytes_, lent_); !added)
          throw std::system_error{added.error(), "scm batch: add"};
      }
      while (!out_.empty()) {
        if (const auto sent = out_.send(channel_); !sent) throw std::system_error{sent.error(), "scm batch: send"};
      }
      left -= now;
    }
  }
  std::size_t receive(std::size_t messages) override {
    std::size_t arrived = 0;
    for (std::size_t left = messages; left != 0;) {
      const auto received = in_.receive(channel_);
      if (!received) throw std::system_error{received.error(), "scm batch: receive"};
      if (*received > left) throw std::runtime_error{"scm batch: more than was sent"};
      for (const scm::received& one : in_) {
        if (one.loss) throw std::system_error{*one.loss, "scm batch: receive"};
        if (one.bytes.size() != bytes_.size()) throw std::runtime_error{"scm batch: a message was cut"};
        arrived += one.content.descriptors.size();
      }
      left -= *received;
    }
    return arrived;
  }
  /// The batch closes what came with the messages when it receives the next ones.
  void settle() override { in_.clear(); }

 private:
  scm::seqpacket channel_;
  scm::send_batch out_;
  scm::receive_batch in_;
  std::vector<char> bytes_;
  std::vector<scm::borrowed_fd> lent_;
};

class batched_scm_contender : public contender {
 public:
  explicit batched_scm_contender(std::size_t batch) : batch_{batch} {}
  [[nodiscard]] std::string name() const override { return fmt::format("scm batch {}", batch_); }
  [[nodiscard]] std::size_t batch() const override { return batch_; }

  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(const traffic& messages) override {
    auto ends = scm::seqpacket::pair();
    if (!ends) throw std::system_error{ends.error(), "scm batch: pair"};
    return {std::make_unique<batched_scm_end>(std::move(ends->first), batch_, messages),
            std::make_unique<batched_scm_end>(std::move(ends->second), batch_, messages)};
  }

 private:
  std::size_t batch_;
};

}  // namespace

std::unique_ptr<contender> make_batched_scm(std::size_t batch) {
  return std::make_unique<batched_scm_contender>(batch);
}

}  // namespace bench
