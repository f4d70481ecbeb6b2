/// The machine, held as still as this user may.
#pragma once

#include <chrono>
#include <cstddef>

namespace bench {

/// Pins this process, and those it will fork, to one CPU: a wake-up across CPUs would cost more than what is measured
/// and come and go with the scheduler's mood. Throws when that is impossible.
void pin();

/// Before other processes, where the user may; no matter if not.
void raise_priority() noexcept;

/// The number of descriptors that may be in flight, raised as far as this user may raise it.
[[nodiscard]] std::size_t raise_descriptor_limit() noexcept;

/// Ends this process with a message after so long, whatever it waits for. Its children die with it.
void limit_lifetime(std::chrono::seconds time) noexcept;

}  // namespace bench
