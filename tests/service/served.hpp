// A control server in a thread of its own, and clients that wait for nothing longer than the tests are patient.
#pragma once

#include "hostile/scene.hpp"

#include <scm/service/control_server.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace scm::test {

// An abstract name that no other test has.
inline address fresh_name() {
  static std::atomic<int> count{0};
  return address::abstract("scm-control-" + std::to_string(::getpid()) + "-" + std::to_string(count++)).value();
}

// Lets this process in, whoever it is.
inline control_options for_this_user() {
  control_options options;
  options.access.uids = {::getuid()};
  return options;
}

class control_client {
 public:
  explicit control_client(const address& at) : socket_{stream::connect(at, patience()).value()} {}
  explicit control_client(stream&& socket, std::chrono::milliseconds patient = std::chrono::seconds(20))
      : socket_{std::move(socket)}, patient_{patient} {}

  stream& socket() { return socket_; }
  bool say(std::string_view bytes, borrowed_fds descriptors = {}) {
    return socket_.send_all(bytes, descriptors, {.until = patience()}).has_value();
  }
  // The next line without its newline, "(end)" when there is none, "(error)" or "(late)".
  std::string hear() {
    for (;;) {
      if (const auto end = heard_.find('\n'); end != heard_.npos) {
        std::string line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        return line;
      }
      if (const std::string failure = listen(); !failure.empty()) return failure;
    }
  }
  // All that comes until the end.
  std::string hear_all() {
    while (listen().empty()) {
    }
    return std::exchange(heard_, {});
  }
  // Exactly so many bytes.
  std::string hear_bytes(std::size_t count) {
    while (heard_.size() < count) {
      if (const std::string failure = listen(); !failure.empty()) return failure;
    }
    std::string bytes = heard_.substr(0, count);
    heard_.erase(0, count);
    return bytes;
  }
  std::string ask(std::string_view line, borrowed_fds descriptors = {}) {
    if (!say(std::string{line} + '\n', descriptors)) return "(error)";
    return hear();
  }
  bool quiet() {
    return heard_.empty() && socket_.try_receive(room_, 0).error() == std::errc::resource_unavailable_try_again;
  }
  // Those that came with what was heard.
  std::vector<owned_fd>& descriptors() { return descriptors_; }

 private:
  std::string listen() {
    auto got = socket_.receive(room_, 253, {.until = in(patient_)});
    if (!got) {
      if (got.error() == errc::end_of_file) return "(end)";
      return got.error() == std::errc::timed_out ? "(late)" : "(error)";
    }
    heard_.append(room_.data(), got->size);
    for (std::size_t i = 0; i != got->descriptors.size(); ++i) descriptors_.push_back(got->descriptors.take(i));
    return {};
  }

  stream socket_;
  std::chrono::milliseconds patient_{std::chrono::seconds(20)};
  std::array<char, 8192> room_{};
  std::string heard_;
  std::vector<owned_fd> descriptors_;
};

class served {
 public:
  explicit served(const control_options& options = for_this_user()) : served{options, [](control_server&) {}} {}
  template <class Prepare>
  served(const control_options& options, Prepare prepare)
      : at_{fresh_name()},
        server_{control_server::make(listener<stream>::bind(at_, control_server::listening_options()).value(), options)
                    .value()} {
    prepare(server_);
    start();
  }
  served(const served&) = delete;
  served& operator=(const served&) = delete;
  ~served() { stop(); }

  const address& at() const { return at_; }
  control_client client() const { return control_client{at_}; }
  control_server& server() { return server_; }
  void start() {
    thread_ = std::thread{[this] { ended_ = server_.run(); }};
  }
  // What `run` answered.
  result<void> stop() {
    if (thread_.joinable()) {
      server_.stop();
      thread_.join();
    }
    return ended_;
  }
  // The same of one that ends by itself.
  result<void> wait() {
    if (thread_.joinable()) thread_.join();
    return ended_;
  }
  // A figure of the server's, as `stat` has it. By a connection of its own.
  std::uint64_t figure(std::string_view name) const {
    control_client one = client();
    const std::string all = one.ask("stat");
    const auto at = all.find('"' + std::string{name} + "\":");
    return at == all.npos ? ~std::uint64_t{0} : std::stoull(all.substr(at + name.size() + 3));
  }

 private:
  address at_;
  control_server server_;
  result<void> ended_{};
  std::thread thread_;
};

}  // namespace scm::test
