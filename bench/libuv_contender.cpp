/// libuv's pipes as a contender. They pass handles of libuv's, one a write: here an unbound TCP socket, which costs the
/// kernel as little as a file; a Unix socket costs more (1.14) for its place in the graph of those in flight.
#include "contender.hpp"
#include "socket_pair.hpp"

#include <unistd.h>
#include <uv.h>

#include <stdexcept>
#include <vector>

namespace bench {
namespace {

void check(int status) {
  if (status < 0) throw std::runtime_error{uv_strerror(status)};
}

class libuv_end : public endpoint {
 public:
  libuv_end(int socket, const traffic& messages)
      : out_(messages.bytes, 'm'), in_(suggested_size), descriptors_{messages.descriptors}, socket_{socket} {}

  ~libuv_end() override {
    if (!begun_) {
      close(socket_);
      return;
    }
    uv_close(reinterpret_cast<uv_handle_t*>(&pipe_), nullptr);
    if (descriptors_ != 0) uv_close(reinterpret_cast<uv_handle_t*>(&lent_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }

  void begin() override {
    check(uv_loop_init(&loop_));
    check(uv_pipe_init(&loop_, &pipe_, 1));
    check(uv_pipe_open(&pipe_, socket_));
    pipe_.data = this;
    begun_ = true;
    if (descriptors_ != 0) check(uv_tcp_init_ex(&loop_, &lent_, AF_INET));
    check(uv_read_start(reinterpret_cast<uv_stream_t*>(&pipe_), lend, on_read));
  }

  void send(std::size_t messages) override {
    auto* const stream = reinterpret_cast<uv_stream_t*>(&pipe_);
    auto* const handle = descriptors_ != 0 ? reinterpret_cast<uv_stream_t*>(&lent_) : nullptr;
    const uv_buf_t buffer = uv_buf_init(out_.data(), static_cast<unsigned>(out_.size()));
    for (std::size_t i = 0; i != messages; ++i) {
      const int sent = uv_try_write2(stream, &buffer, 1, handle);
      if (sent == static_cast<int>(out_.size())) continue;
      if (sent != UV_EAGAIN) {
        check(sent);
        throw std::runtime_error{"libuv: a message was cut as it was sent"};
      }
      uv_write_t request;
      request.data = this;
      writing_ = true;
      check(uv_write2(&request, stream, &buffer, 1, handle, on_write));
      while (writing_) uv_run(&loop_, UV_RUN_ONCE);
      check(failure_);
    }
  }

  std::size_t receive(std::size_t messages) override {
    const std::size_t bytes = messages * out_.size();
    while (bytes_ < bytes && failure_ == 0) uv_run(&loop_, UV_RUN_ONCE);
    check(failure_);
    bytes_ -= bytes;
    return std::exchange(arrived_, 0);
  }

 private:
  /// What libuv suggests to every reader.
  static constexpr std::size_t suggested_size = 65536;

  static void lend(uv_handle_t* handle, std::size_t /*suggested*/, uv_buf_t* buffer) {
    auto& in = static_cast<libuv_end*>(handle->data)->in_;
    *buffer = uv_buf_init(in.data(), static_cast<unsigned>(in.size()));
  }

  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* /*buffer*/) {
    auto& self = *static_cast<libuv_end*>(stream->data);
    if (size < 0) {
      self.failure_ = static_cast<int>(size);
      return;
    }
    self.bytes_ += static_cast<std::size_t>(size);
    while (uv_pipe_pending_count(&self.pipe_) != 0) self.accept();
  }

  static void on_write(uv_write_t* request, int status) {
    auto& self = *static_cast<libuv_end*>(request->data);
    self.writing_ = false;
    if (status < 0) self.failure_ = status;
  }

  void accept() {
    if (uv_pipe_pending_type(&pipe_) != UV_TCP) {
      failure_ = UV_EPROTO;
      return;
    }
    auto* const received = new uv_tcp_t;
    uv_tcp_init(&loop_, received);
    if (const int status = uv_accept(reinterpret_cast<uv_stream_t*>(&pipe_), reinterpret_cast<uv_stream_t*>(received));
        status < 0) {
      failure_ = status;
    } else {
      ++arrived_;
    }
    uv_close(reinterpret_cast<uv_handle_t*>(received),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
  }

  std::vector<char> out_;
  std::vector<char> in_;
  std::size_t descriptors_;
  int socket_;
  bool begun_ = false;
  bool writing_ = false;
  int failure_ = 0;
  std::size_t bytes_ = 0;
  std::size_t arrived_ = 0;
  uv_loop_t loop_;
  uv_pipe_t pipe_;
  uv_tcp_t lent_;
};

class libuv_contender : public contender {
 public:
  [[nodiscard]] std::string name() const override { return "libuv"; }
  [[nodiscard]] bool can(std::size_t /*bytes*/, std::size_t descriptors) const override { return descriptors <= 1; }

  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(const traffic& messages) override {
    return make_ends<libuv_end>(SOCK_STREAM, messages);
  }
};

}  // namespace

std::unique_ptr<contender> make_libuv() { return std::make_unique<libuv_contender>(); }

}  // namespace bench
