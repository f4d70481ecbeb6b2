/// Hand-written C that packs records, as a contender.
#include "contender.hpp"
#include "plain_c.h"
#include "plain_c_message.h"
#include "socket_pair.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace bench {
namespace {

class packed_c_end : public endpoint {
 public:
  packed_c_end(int socket, std::size_t records, const traffic& messages)
      : records_{records}, record_{messages}, out_(messages.bytes * records, 'm'), in_(out_.size()), socket_{socket} {
    for (std::size_t i = 0; i != records; ++i) lent_.insert(lent_.end(), messages.lent.begin(), messages.lent.end());
  }
  ~packed_c_end() override { close(socket_); }

  void send(std::size_t messages) override {
    for (std::size_t left = messages; left != 0;) {
      const std::size_t now = std::min(left, records_);
      const plain_c packed = message_of(now);
      if (plain_c_send(&packed, 1) != 0) throw std::system_error{errno, std::system_category(), "packed C: send"};
      left -= now;
    }
  }
  std::size_t receive(std::size_t messages) override {
    std::size_t arrived = 0;
    for (std::size_t left = messages; left != 0;) {
      const std::size_t now = std::min(left, records_);
      const plain_c packed = message_of(now);
      const long here = plain_c_receive(&packed, 1);
      if (here < 0) throw std::system_error{errno, std::system_category(), "packed C: receive"};
      arrived += static_cast<std::size_t>(here);
      left -= now;
    }
    return arrived;
  }

 private:
  [[nodiscard]] plain_c message_of(std::size_t records) {
    return {.socket = socket_,
            .stream = false,
            .out = out_.data(),
            .in = in_.data(),
            .bytes = records * record_.bytes,
            .descriptors = lent_.data(),
            .count = records * record_.descriptors};
  }

  std::size_t records_;
  traffic record_;
  std::vector<char> out_;
  std::vector<char> in_;
  std::vector<int> lent_;
  int socket_;
};

class packed_c_contender : public contender {
 public:
  explicit packed_c_contender(std::size_t records) : records_{records} {}
  [[nodiscard]] std::string name() const override { return fmt::format("plain C packed {}", records_); }
  [[nodiscard]] bool can(std::size_t /*bytes*/, std::size_t descriptors) const override {
    return descriptors * records_ <= plain_c_most_descriptors;
  }
  [[nodiscard]] std::size_t batch() const override { return records_; }

  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(const traffic& messages) override {
    return make_ends<packed_c_end>(SOCK_SEQPACKET, records_, messages);
  }

 private:
  std::size_t records_;
};

}  // namespace

std::unique_ptr<contender> make_packed_c(std::size_t records) { return std::make_unique<packed_c_contender>(records); }

}  // namespace bench
