/// Hand-written C with sendmmsg(2) and recvmmsg(2) as a contender.
#include "contender.hpp"
#include "plain_c_batch.h"
#include "socket_pair.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <new>
#include <vector>

namespace bench {
namespace {

class batched_c_end : public endpoint {
 public:
  batched_c_end(int socket, std::size_t batch, const traffic& messages) : socket_{socket}, out_(messages.bytes, 'm') {
    const plain_c each{.socket = socket,
                       .stream = false,
                       .out = out_.data(),
                       .in = nullptr,  // a batch needs room of its own
                       .bytes = messages.bytes,
                       .descriptors = messages.lent.data(),
                       .count = messages.descriptors};
    self_ = plain_c_batch_create(&each, batch);
    if (self_ == nullptr) throw std::bad_alloc{};
  }
  ~batched_c_end() override {
    plain_c_batch_destroy(self_);
    close(socket_);
  }

  void send(std::size_t messages) override {
    if (plain_c_batch_send(self_, messages) != 0) {
      throw std::system_error{errno, std::system_category(), "batched C: send"};
    }
  }
  std::size_t receive(std::size_t messages) override {
    const long arrived = plain_c_batch_receive(self_, messages);
    if (arrived < 0) throw std::system_error{errno, std::system_category(), "batched C: receive"};
    return static_cast<std::size_t>(arrived);
  }

 private:
  int socket_;
  std::vector<char> out_;
  plain_c_batch* self_;
};

class batched_c_contender : public contender {
 public:
  explicit batched_c_contender(std::size_t batch) : batch_{batch} {}
  [[nodiscard]] std::string name() const override { return fmt::format("plain C sendmmsg {}", batch_); }
  [[nodiscard]] std::size_t batch() const override { return batch_; }

  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(const traffic& messages) override {
    return make_ends<batched_c_end>(SOCK_SEQPACKET, batch_, messages);
  }

 private:
  std::size_t batch_;
};

}  // namespace

std::unique_ptr<contender> make_batched_c(std::size_t batch) { return std::make_unique<batched_c_contender>(batch); }

}  // namespace bench
