// A user's program: gives up what it does not need, and every system call but those that end it.
#include <scm/process/confine.hpp>
#include <scm/process/system_calls.hpp>

#include <unistd.h>

int main() {
  if (!scm::confine({.keep_groups = true})) return 1;
  if (!scm::allow_only({.groups = {scm::call_group::ending}, .error = EPERM})) return 2;
  return ::getppid() == -1 ? 0 : 3;
}
