// A user's program that traces another.
#include <scm/service/tracer.hpp>

int main() {
  auto traced = scm::tracer::start({.program = "/bin/true", .no_new_privileges = true}, {});
  if (!traced) return 1;
  while (const auto call = traced->next()) {
    if (!*call) return traced->ended()->code;
  }
  return 1;
}
