/// Numbers of the kernel interface that Debian 12's headers lack or hide, each with the version that brought it.
#pragma once

namespace scm::uapi {

inline constexpr int so_peersec = 31;
inline constexpr int so_passsec = 34;
inline constexpr int so_timestampns = 35;  // SO_TIMESTAMPNS_OLD; 64-bit timespec on LP64
inline constexpr int so_timestamping = 37;
inline constexpr int so_timestamping_new = 65;  // 5.1
inline constexpr int so_peergroups = 59;        // 4.13
inline constexpr int so_passpidfd = 76;         // 6.5
inline constexpr int so_peerpidfd = 77;         // 6.5
inline constexpr int so_passrights = 83;        // 6.16
inline constexpr int so_inq = 84;               // AF_UNIX: 6.18 has it

inline constexpr int scm_security = 3;
inline constexpr int scm_pidfd = 4;  // 6.5
inline constexpr int scm_timestamp = 29;
inline constexpr int scm_timestampns = 35;
inline constexpr int scm_timestamp_new = 63;    // 5.1
inline constexpr int scm_timestampns_new = 64;  // 5.1
inline constexpr int scm_inq = so_inq;

inline constexpr unsigned pidfd_thread = 0200;    // O_EXCL: 6.9
inline constexpr unsigned mfd_noexec_seal = 0x8;  // 6.3
inline constexpr int f_seal_exec = 0x20;          // 6.3

// Landlock: what is written for here, and what came after Debian 12's headers.
inline constexpr int landlock_known = 6;
inline constexpr unsigned long long landlock_bind_tcp = 1;                // version 4: 6.7
inline constexpr unsigned long long landlock_connect_tcp = 2;             // version 4: 6.7
inline constexpr unsigned long long landlock_scope_abstract_sockets = 1;  // version 6: 6.12
inline constexpr unsigned long long landlock_scope_signals = 2;           // version 6: 6.12

inline constexpr long pid_fs_magic = 0x50494446;  // 6.9
inline constexpr long dma_buf_magic = 0x444d4142;

// PIDFD_GET_INFO (6.13) with the first size of its structure, which every later kernel accepts.
struct pidfd_info {
  unsigned long long mask;
  unsigned long long cgroup;
  unsigned pid, tgid, ppid;
  unsigned ids[8];
  unsigned spare;
};
static_assert(sizeof(pidfd_info) == 64);
inline constexpr unsigned long pidfd_get_info = 0xc040ff0b;  // _IOWR(0xFF, 11, pidfd_info)
inline constexpr unsigned long long pidfd_info_pid = 1;

}  // namespace scm::uapi
