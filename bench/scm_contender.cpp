/// This library as a contender.
#include "contender.hpp"

#include <scm/channel.hpp>

#include <system_error>
#include <vector>

namespace bench {
namespace {

class scm_end : public endpoint {
 public:
  scm_end(scm::seqpacket&& channel, const traffic& messages)
      : channel_{std::move(channel)},
        out_bytes_(messages.bytes, 'm'),
        in_bytes_(messages.bytes),
        lent_(messages.lent.begin(), messages.lent.end()) {}

  void send(std::size_t messages) override {
    for (std::size_t i = 0; i != messages; ++i) {
      if (const auto sent = channel_.send(out_, descriptors_); !sent)
        throw std::system_error{sent.error(), "scm: send"};
    }
  }
  std::size_t receive(std::size_t messages) override {
    std::size_t arrived = 0;
    for (std::size_t i = 0; i != messages; ++i) {
      const auto message = channel_.receive(in_, descriptors_.size());
      if (!message) throw std::system_error{message.error(), "scm: receive"};
      if (message->size != in_.size()) throw std::system_error{scm::errc::payload_cut, "scm: receive"};
      arrived += message->descriptors.size();
    }
    return arrived;
  }

 private:
  scm::seqpacket channel_;
  std::vector<char> out_bytes_;
  std::vector<char> in_bytes_;
  std::vector<scm::borrowed_fd> lent_;
  // As `struct plain_c` has them.
  scm::const_buffer out_{out_bytes_};
  scm::mutable_buffer in_{in_bytes_};
  std::span<const scm::borrowed_fd> descriptors_{lent_};
};

class scm_contender : public contender {
 public:
  [[nodiscard]] std::string name() const override { return "scm"; }

  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(const traffic& messages) override {
    auto ends = scm::seqpacket::pair();
    if (!ends) throw std::system_error{ends.error(), "scm: pair"};
    return {std::make_unique<scm_end>(std::move(ends->first), messages),
            std::make_unique<scm_end>(std::move(ends->second), messages)};
  }
};

}  // namespace

std::unique_ptr<contender> make_scm() { return std::make_unique<scm_contender>(); }

}  // namespace bench
