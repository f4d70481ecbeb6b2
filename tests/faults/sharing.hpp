// Scenarios: memory and events that are made, received, and used; notifications.
#pragma once

#include "faults/use.hpp"

#include <scm/process/event.hpp>
#include <scm/process/notify.hpp>
#include <scm/process/shared_memory.hpp>

#include <fcntl.h>

#include <optional>
#include <vector>

namespace scm::test {

inline scenario making_memory() {
  scenario made{"shared_memory::make", [](const ordeal& under) {
                  std::optional<shared_memory> memory;
                  const auto code = under([&] { return keep(memory, shared_memory::make("memory", 4096)); });
                  if (memory) CHECK(memory->writable().size() == 4096);
                  return code;
                }};
  // A kernel before 6.3 does not know MFD_NOEXEC_SEAL, and is asked again without.
  made.exceptions = {{unmoved, sys::call::memfd_create, {}, EINVAL, 1}};
  return made;
}

inline scenario dropping_memory() {
  scenario made{"shared memory that dies", [](const ordeal& under) {
                  std::optional<shared_memory> memory{shared_memory::make("memory", 4096).value()};
                  return under([&] {
                    memory.reset();
                    return std::error_code{};
                  });
                }};
  made.exceptions = {{unmoved}};
  return made;
}

inline scenario mapping_memory() {
  scenario made{"shared_memory::map", [](const ordeal& under) {
                  const auto theirs = shared_memory::make("memory", 4096).value();
                  owned_fd received = duplicate(theirs.fd()).value();
                  std::optional<shared_memory> memory;
                  const auto code = under([&] { return keep(memory, shared_memory::map(std::move(received))); });
                  CHECK(memory.has_value() != static_cast<bool>(received));  // left with the caller, or taken
                  return code;
                }};
  made.exceptions = {{answers(errc::not_admitted), sys::call::fcntl, F_GET_SEALS},
                     {unmoved, sys::call::statfs},
                     {unmoved, sys::call::readlink}};
  return made;
}

inline scenario making_an_event() {
  return {"event::make", [](const ordeal& under) {
            std::optional<event> made;
            const auto code = under([&] { return keep(made, event::make()); });
            if (made) CHECK(made->signal());
            return code;
          }};
}

inline scenario adopting_an_event() {
  scenario made{"event::adopt", [](const ordeal& under) {
                  owned_fd received = something();
                  std::optional<event> adopted;
                  const auto code = under([&] { return keep(adopted, event::adopt(std::move(received))); });
                  CHECK(adopted.has_value() != static_cast<bool>(received));
                  return code;
                }};
  // By its name alone.
  made.exceptions = {{answers(errc::not_admitted), sys::call::statfs},
                     {answers(errc::not_admitted), sys::call::readlink},
                     {unmoved, sys::call::fstatfs}};
  return made;
}

inline scenario signalling() {
  scenario made{"event signal",
                [](const ordeal& under) {
                  auto one = event::make().value();
                  const auto code = under([&] { return code_of(one.signal()); });
                  const auto count = one.take(dont_wait);
                  CHECK(count.has_value() == !code);
                  return code;
                },
                waits::never};
  made.exceptions = {{unmoved, sys::call::write, {}, EINTR}};
  return made;
}

inline scenario taking() {
  scenario made{"event take", [](const ordeal& under) {
                  auto one = event::make().value();
                  REQUIRE(one.signal());
                  const auto code = under([&] { return code_of(one.take()); });
                  CHECK(one.take(dont_wait).has_value() == static_cast<bool>(code));
                  return code;
                }};
  made.exceptions = {{unmoved, sys::call::preadv2, {}, EINTR}, {unmoved, sys::call::preadv2, {}, EAGAIN}};
  return made;
}

inline scenario listening_for_notifications() {
  scenario made{"notify_socket::bind", [](const ordeal& under) {
                  std::optional<notify_socket> manager;
                  const auto code = under([&] { return keep(manager, notify_socket::bind(address::autobind())); });
                  if (manager) CHECK(manager->receive(dont_wait).error() == std::errc::resource_unavailable_try_again);
                  return code;
                }};
  // A kernel before 6.5 has no pidfds to attach, and is asked again without.
  made.exceptions = {{unmoved, sys::call::setsockopt, {}, ENOPROTOOPT},
                     {unmoved, sys::call::setsockopt, {}, EOPNOTSUPP}};
  return made;
}

inline scenario notifying() {
  return {"notifier store", [](const ordeal& under) {
            auto manager = notify_socket::bind(address::autobind()).value();
            auto program = notifier::to(manager.local_address().value()).value();
            const owned_fd file = something();
            const auto code = under([&] { return code_of(program.store("kept", {file})); });
            const auto got = manager.receive(dont_wait);
            CHECK(got.has_value() == !code);
            if (got) CHECK(got->descriptors.size() == 1);
            CHECK(program.ready());
            CHECK(manager.receive(dont_wait).value().value("READY") == "1");
            return code;
          }};
}

inline std::vector<scenario> scenarios_of_sharing() {
  return {making_memory(),     dropping_memory(), mapping_memory(), making_an_event(),
          adopting_an_event(), signalling(),      taking(),         listening_for_notifications(),
          notifying()};
}

}  // namespace scm::test
