#include "core/sys.hpp"

#if SCM_SYS_FAULTS

#include <atomic>

namespace scm::sys {
namespace {
std::atomic<fault_hook> installed{nullptr};
}

void set_fault_hook(fault_hook hook) noexcept { installed.store(hook); }

bool faulted(call which, void* argument, long& result) noexcept {
  const fault_hook hook = installed.load();
  return hook != nullptr && hook(which, argument, result);
}

}  // namespace scm::sys

#endif
