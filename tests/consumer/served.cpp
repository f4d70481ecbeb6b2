// A user's program with a control server.
#include <scm/service.hpp>

int main() {
  auto at = scm::listener<scm::stream>::bind(scm::address::autobind(), scm::control_server::listening_options());
  if (!at) return 1;
  auto server = scm::control_server::make(std::move(*at), {});
  if (!server || !server->handle("hello", [](scm::control_request&) { return scm::control_answer{.text = "hello"}; })) {
    return 1;
  }
  server->stop();
  return server->run() ? 0 : 1;
}
