/// Every bound of this daemon, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace privsep::bounds {

using namespace std::chrono_literals;

/// Clients at a time. Those who come later wait in the backlog; those who find that full wait in connect(2).
inline constexpr std::size_t clients = 64;
inline constexpr int backlog = 128;
/// So that no user keeps all others out by connecting and saying nothing.
inline constexpr std::size_t clients_of_one_user = 32;

inline constexpr std::size_t request_bytes = 64, tag_bytes = 16;  // of a client: "get TAG NAME"
inline constexpr std::size_t name_bytes = 32;                     // of a worker

/// SO_SNDBUF towards a client, about 40 answers: who leaves more unread is dropped. Each is a descriptor in flight,
/// which counts against the worker's user, up to RLIMIT_NOFILE: else one client that never reads would keep descriptors
/// from all others (ETOOMANYREFS).
inline constexpr std::size_t unread_bytes = 16384;
inline constexpr unsigned worker_descriptors = 4096;

/// A crash costs an attacker time, more with each in a row; clients never wait for longer than the last.
inline constexpr std::chrono::milliseconds first_restart = 10ms, last_restart = 500ms;
inline constexpr auto well = 5s;  // a worker that lived so long was well

/// The monitor answers at once: a worker that has waited this long has lost it.
inline constexpr auto answer = 10s;

/// Whom the worker is, if the monitor is root. In earnest an account that nothing else has: processes of one user can
/// signal each other, and share what the kernel counts.
inline constexpr unsigned worker_user = 65534, worker_group = 65534;

}  // namespace privsep::bounds
