#include "cli/failure.hpp"

#include <scm/inspect/safe_text.hpp>

#include <cerrno>
#include <cstdio>
#include <new>

namespace scm::cli {
namespace {

std::string_view advice_on_connecting(int number) noexcept {
  switch (number) {
    case ECONNREFUSED:
      return "nobody listens there (or it is no socket): start the other side first (send and recv: with --listen)";
    case ENOENT:
      return "there is no such socket: start the other side first (send and recv: with --listen)";
    case EACCES:
    case EPERM:
      return "connecting takes write permission for the socket's file, which its owner alone has by default";
    case EPROTOTYPE:
      return "the socket there is of another type: give the same --type on both sides";
    case ENOTSOCK:
      return "the file there is not a socket";
    default:
      return {};
  }
}

std::string_view advice_on_listening(int number) noexcept {
  switch (number) {
    case EADDRINUSE:
      return "somebody listens there, or the file was left behind; --replace removes a socket file that nobody listens "
             "at (and nothing else)";
    case ENOENT:
      return "the directory does not exist";
    case EACCES:
    case EPERM:
    case EROFS:
      return "the directory must be writable";
    default:
      return {};
  }
}

std::string_view advice_on_sending(int number) noexcept {
  switch (number) {
    case EPERM:
      return "the receiver refuses descriptors (SO_PASSRIGHTS), or a security module does";
    case EINVAL:
      return "the kernel does not pass descriptors of one of these kinds (io_uring)";
    case EMSGSIZE:
      return "too long for one message (see net.core.wmem_max): send the data as a FILE, or use --type stream";
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
      return "the receiver has gone";
    case ENOTCONN:
    case EDESTADDRREQ:
      return "the socket is not connected to anybody";
    default:
      return {};
  }
}

std::string_view advice(step at, std::error_code why) noexcept {
  if (why.category() == category()) {
    if (why == errc::wrong_descriptor) {
      return "a listening socket goes with --listen, and no other does; --type must be the socket's own";
    }
    return {};  // the library's own messages say what to try
  }
  const int number = why.value();
  if (number == EMFILE) return "no free descriptor: raise the limit (ulimit -n)";
  switch (at) {
    case step::connect:
      return advice_on_connecting(number);
    case step::listen:
      return advice_on_listening(number);
    case step::replace:
      if (number == EADDRINUSE) return "somebody has this address, or what lies there is no socket: it is left alone";
      return advice_on_listening(number);
    case step::send:
      return advice_on_sending(number);
    case step::open:
      return number == EISDIR ? "a directory can only be opened for reading: leave out --write" : "";
    case step::accept:
    case step::adopt:
    case step::receive:
    case step::other:
      break;
  }
  return {};
}

}  // namespace

std::error_code os_code(int number) noexcept { return {number, std::system_category()}; }

std::unexpected<failure> failed(std::string text) { return std::unexpected{failure{std::move(text)}}; }

std::unexpected<failure> failed(step at, std::string_view doing, std::error_code why) {
  std::string text = "cannot ";
  text += doing;
  text += ": ";
  text += why.message();
  if (const auto hint = advice(at, why); !hint.empty()) {
    text += "; ";
    text += hint;
  }
  return failed(std::move(text));
}

std::string shown(std::string_view bytes) {
  auto safe = safe_text(bytes);
  if (!safe) throw std::bad_alloc{};
  return *std::move(safe);
}

int complain(std::string_view text) noexcept {
  std::fflush(stdout);  // where both go to one terminal or file, they stay in order
  std::fprintf(stderr, "scm: %.*s\n", static_cast<int>(text.size()), text.data());
  return exit_failure;
}

bool print(std::string_view text) noexcept {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return true;
  if (errno != EPIPE) complain("cannot write to standard output: " + os_code(errno).message());
  return false;
}

}  // namespace scm::cli
