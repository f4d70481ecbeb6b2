/// kj's asynchronous streams, on which Cap'n Proto passes descriptors, as a contender.
#include "contender.hpp"
#include "socket_pair.hpp"

#include <kj/async-io.h>
#include <kj/io.h>

#include <stdexcept>
#include <vector>

namespace bench {
namespace {

/// A thread can have one event loop, so the ends that stay in a process share it.
using shared_loop = std::shared_ptr<std::unique_ptr<kj::AsyncIoContext>>;

class kj_end : public endpoint {
 public:
  kj_end(int socket, const shared_loop& loop, const traffic& messages)
      : loop_{loop}, socket_{socket}, out_(messages.bytes), in_(messages.bytes), lent_{messages.lent} {
    installed_ = kj::heapArray<kj::AutoCloseFd>(messages.descriptors);
  }

  ~kj_end() noexcept override = default;

  void begin() override {
    if (!*loop_) *loop_ = std::make_unique<kj::AsyncIoContext>(kj::setupAsyncIo());
    stream_ =
        (*loop_)->lowLevelProvider->wrapUnixSocketFd(kj::mv(socket_), kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC);
  }

  void send(std::size_t messages) override {
    const auto bytes = kj::arrayPtr(out_.data(), out_.size());
    for (std::size_t i = 0; i != messages; ++i) {
      if (lent_.empty()) {
        stream_->write(bytes.begin(), bytes.size()).wait((*loop_)->waitScope);
      } else {
        stream_->writeWithFds(bytes, nullptr, kj::arrayPtr(lent_.data(), lent_.size())).wait((*loop_)->waitScope);
      }
    }
  }
  std::size_t receive(std::size_t messages) override {
    std::size_t arrived = 0;
    for (std::size_t i = 0; i != messages; ++i) {
      std::size_t size = 0;
      if (lent_.empty()) {
        size = stream_->tryRead(in_.data(), in_.size(), in_.size()).wait((*loop_)->waitScope);
      } else {
        const auto got =
            stream_->tryReadWithFds(in_.data(), in_.size(), in_.size(), installed_.begin(), installed_.size())
                .wait((*loop_)->waitScope);
        size = got.byteCount;
        for (std::size_t one = 0; one != got.capCount; ++one) installed_[one] = nullptr;
        arrived += got.capCount;
      }
      if (size != in_.size()) throw std::runtime_error{"kj: a message was cut"};
    }
    return arrived;
  }

 private:
  shared_loop loop_;  // outlives the stream
  kj::AutoCloseFd socket_;
  kj::Own<kj::AsyncCapabilityStream> stream_;
  std::vector<kj::byte> out_;
  std::vector<kj::byte> in_;
  std::span<const int> lent_;
  kj::Array<kj::AutoCloseFd> installed_;
};

class kj_contender : public contender {
 public:
  [[nodiscard]] std::string name() const override { return "kj"; }

  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(const traffic& messages) override {
    return make_ends<kj_end>(SOCK_STREAM, std::make_shared<std::unique_ptr<kj::AsyncIoContext>>(), messages);
  }
};

}  // namespace

std::unique_ptr<contender> make_kj() { return std::make_unique<kj_contender>(); }

}  // namespace bench
