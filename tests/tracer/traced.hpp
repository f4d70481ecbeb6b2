// Programs that are traced, and what the tracer tells of them.
#pragma once

#include "support/catch.hpp"

#include <scm/service/tracer.hpp>

#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace scm::test {

struct traced {
  std::vector<traced_call> calls;
  std::vector<unreceived_message> unreceived;
  exit_status ended;

  std::vector<const traced_message*> messages(message_call call) const {
    std::vector<const traced_message*> found;
    for (const auto& one : calls) {
      if (one.call != call) continue;
      for (const auto& message : one.messages) found.push_back(&message);
    }
    return found;
  }
};

inline std::vector<std::string> talks() {
  std::vector<std::string> programs{TALK_PROGRAM};
#ifdef TALK_32_PROGRAM
  programs.emplace_back(TALK_32_PROGRAM);
#endif
  return programs;
}

inline traced traced_run(const std::string& program, std::vector<std::string> arguments) {
  spawn_options options{.program = program, .arguments = std::move(arguments)};
  options.no_new_privileges = true;
  auto made = tracer::start(options, {});
  if (!made) throw std::system_error(made.error().code, std::string{text_of(made.error().step)});
  traced all;
  for (;;) {
    auto call = made->next();
    if (!call) throw std::system_error(call.error());
    if (!*call) break;
    all.calls.push_back(*std::move(*call));
  }
  all.unreceived = made->unreceived().value();
  all.ended = made->ended().value();
  return all;
}

// The names of memfds.
inline std::vector<std::string> names_of(const std::vector<traced_descriptor>& descriptors) {
  std::vector<std::string> names;
  for (const auto& one : descriptors) names.push_back(one.what ? one.what->name : one.unseen.message());
  return names;
}

}  // namespace scm::test
