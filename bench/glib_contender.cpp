/// GLib's GSocket as a contender.
#include "contender.hpp"
#include "socket_pair.hpp"

#include <gio/gio.h>
#include <gio/gunixfdmessage.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

namespace bench {
namespace {

[[noreturn]] void fail(const GError* error) { throw std::runtime_error{error->message}; }

class glib_end : public endpoint {
 public:
  glib_end(int socket, const traffic& messages)
      : out_(messages.bytes, 'm'), in_(messages.bytes), descriptors_{messages.descriptors} {
    GError* error = nullptr;
    socket_ = g_socket_new_from_fd(socket, &error);
    if (socket_ == nullptr) fail(error);
    // The list owns what is in it. g_unix_fd_message_append_fd() would duplicate each descriptor for each message.
    list_ = g_unix_fd_list_new();
    for (const int number : messages.lent) {
      if (g_unix_fd_list_append(list_, number, &error) < 0) fail(error);
    }
  }
  ~glib_end() override {
    g_object_unref(list_);
    g_object_unref(socket_);
  }

  void send(std::size_t messages) override {
    for (std::size_t i = 0; i != messages; ++i) {
      GOutputVector vector{out_.data(), out_.size()};
      GSocketControlMessage* rights = nullptr;
      if (descriptors_ != 0) rights = g_unix_fd_message_new_with_fd_list(list_);
      GError* error = nullptr;
      const gssize sent =
          g_socket_send_message(socket_, nullptr, &vector, 1, &rights, rights != nullptr ? 1 : 0, 0, nullptr, &error);
      if (sent < 0) fail(error);
      if (rights != nullptr) g_object_unref(rights);
    }
  }
  std::size_t receive(std::size_t messages) override {
    std::size_t arrived = 0;
    for (std::size_t i = 0; i != messages; ++i) arrived += receive_one();
    return arrived;
  }

 private:
  std::size_t receive_one() {
    GInputVector vector{in_.data(), in_.size()};
    GSocketControlMessage** items = nullptr;
    int count = 0;
    int flags = 0;
    GError* error = nullptr;
    const gssize size = g_socket_receive_message(socket_, nullptr, &vector, 1, &items, &count, &flags, nullptr, &error);
    if (size < 0) fail(error);
    std::size_t arrived = 0;
    for (int i = 0; i != count; ++i) {
      if (G_IS_UNIX_FD_MESSAGE(items[i])) {
        int installed = 0;
        int* const numbers = g_unix_fd_message_steal_fds(G_UNIX_FD_MESSAGE(items[i]), &installed);
        for (int one = 0; one != installed; ++one) close(numbers[one]);
        g_free(numbers);
        arrived += static_cast<std::size_t>(installed);
      }
      g_object_unref(items[i]);
    }
    g_free(items);
    if (static_cast<std::size_t>(size) != in_.size() || arrived > descriptors_ ||
        (flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      throw std::runtime_error{"GLib: a message was cut, or too much"};
    }
    return arrived;
  }

  std::vector<char> out_;
  std::vector<char> in_;
  std::size_t descriptors_;
  GSocket* socket_ = nullptr;
  GUnixFDList* list_ = nullptr;
};

class glib_contender : public contender {
 public:
  [[nodiscard]] std::string name() const override { return "GLib"; }

  std::pair<std::unique_ptr<endpoint>, std::unique_ptr<endpoint>> connect(const traffic& messages) override {
    return make_ends<glib_end>(SOCK_SEQPACKET, messages);
  }
};

}  // namespace

std::unique_ptr<contender> make_glib() { return std::make_unique<glib_contender>(); }

}  // namespace bench
