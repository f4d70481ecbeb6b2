/// Hand-written C as a contender.
#include "contender.hpp"
#include "plain_c.h"
#include "socket_pair.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace bench {
namespace {

class plain_c_end : public endpoint {
 public:
  plain_c_end(int socket, bool stream, const traffic& messages)
      : out_(messages.bytes, 'm'),
        in_(messages.bytes),
        self_{.socket = socket,
              .stream = stream,
              .out = out_.data(),
              .in = in_.data(),
              .bytes = messages.bytes,
              .descriptors = messages.lent.data(),
              .count = messages.descriptors} {}
  ~plain_c_end() override { close(self_.socket); }

  void send(std::size_t messages) override {
    if (plain_c_send(&self_, messages) != 0) throw std::system_error{errno, std::system_category(), "plain C: send"};
  }
  std::size_t receive(std::size_t messages) override {
    const long arrived = plain_c_receive(&self_, messages);
    if (arrived < 0) throw std::system_error{errno, std::system_category(), "plain C: receive"};
    return static_cast<std::size_t>(arrived);
  }

 private:
  std::vector<char> out_;
  std::vector<char> in_;
  plain_c self_;
};

class plain_c_contender : public contender {
 public:
  plain_c_contender(std::string_view label, int type) : label_{label}, type_{type} {}
  [[nodiscard]] std::string name() const override { return label_; }

  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(const traffic& messages) override {
    return make_ends<plain_c_end>(type_, type_ == SOCK_STREAM, messages);
  }

 private:
  std::string label_;
  int type_;
};

}  // namespace

std::unique_ptr<contender> make_plain_c(std::string_view label) {
  return std::make_unique<plain_c_contender>(label, SOCK_SEQPACKET);
}
std::unique_ptr<contender> make_stream_c() {
  return std::make_unique<plain_c_contender>("plain C stream", SOCK_STREAM);
}

}  // namespace bench
