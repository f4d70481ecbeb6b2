/// Every bound on what a peer, the kernel or a caller can make the library do, each with its reason.
#pragma once

#include <scm/core/config.hpp>

#include <chrono>
#include <climits>
#include <cstddef>

namespace scm::inline v0_1::limits {

/// SCM_MAX_FD: the kernel refuses a message with more descriptors, summed over its control messages (A1, A3).
inline constexpr std::size_t descriptors_per_message = 253;

/// Up to here nothing allocates. 32 covers every vhost-user message and nearly every private protocol.
inline constexpr std::size_t inline_descriptors = 32;

/// Longest security label that has room: a few times what SELinux and AppArmor labels take. A longer one cuts
/// the control data and is reported as a loss, never shortened in silence.
inline constexpr std::size_t label_bytes = 256;

/// Payload of the message that SO_TIMESTAMPING adds (struct scm_timestamping: three timespecs), which whoever had a
/// socket before may have enabled.
inline constexpr std::size_t software_timestamps_bytes = 48;

/// Most bytes of control data that are looked at. The kernel refuses more with ENOBUFS (G0), and the progress proof
/// of the walk needs a bound under which rounding up cannot wrap.
inline constexpr std::size_t control_bytes = INT_MAX;

/// UIO_MAXIOV: more buffers in one message are EMSGSIZE (B15).
inline constexpr std::size_t buffers_per_message = 1024;

/// UIO_MAXIOV again: of more messages in one sendmmsg(2) or recvmmsg(2) the kernel silently does so many (F3).
inline constexpr std::size_t messages_per_batch = 1024;

/// Most bytes of a packet of records (docs/wire.md): a receiver has room for two, whatever its bounds, and a seqpacket
/// message of this size fits a socket's default send buffer (D3).
inline constexpr std::size_t packet_bytes = 65536;

/// Longest path or abstract name: all of sun_path, no terminator needed (D11).
inline constexpr std::size_t address_bytes = 108;

/// Most supplementary groups that are kept of a peer: NGROUPS_MAX of Linux is 65536, which a peer's administrator
/// chooses, not the peer.
inline constexpr std::size_t peer_groups = 65536;

/// Longest path text of an open file that is kept: procfs builds it in one buffer of PATH_MAX bytes, and answers
/// ENAMETOOLONG beyond.
inline constexpr std::size_t link_bytes = 4096;

/// What is read of /proc/PID/fdinfo/N. The lines that are used come first; what follows (a line for each file lock, for
/// one) is as long as whoever holds the file likes.
inline constexpr std::size_t fdinfo_bytes = 1024;

/// Longest name of a descriptor that is passed to a program: systemd's FDNAME_MAX.
inline constexpr std::size_t fd_name_bytes = 255;

/// Most descriptors that a program is started with, or believes an environment that it was. Names of them all, at their
/// longest, are one variable, for which execve(2) has 128 KiB (MAX_ARG_STRLEN).
inline constexpr std::size_t inherited_descriptors = 500;

/// Most bytes of netlink messages that are looked at together. The kernel writes datagrams of 32 KiB, answers to
/// requests with large attributes somewhat longer ones; the bound is for the walk, under which rounding up cannot wrap.
inline constexpr std::size_t netlink_bytes = INT_MAX;

/// What is kept of the kernel's words about a refused request: its own are shorter than 80 bytes
/// (NETLINK_MAX_FMTMSG_LEN), escaped at most four times as long.
inline constexpr std::size_t netlink_error_text_bytes = 400;

/// The longest datagram that the kernel writes of its own accord as part of a dump (netlink_dump): what is asked for
/// comes in as many of these as it takes.
inline constexpr std::size_t netlink_datagram_bytes = 32768;

/// Datagrams that one netlink receive takes: room for all of a round is taken beforehand, and 32 make the system calls
/// cheap already.
inline constexpr std::size_t netlink_datagrams_per_batch = 1024;

/// How often a list is asked for anew that changed while it was made (NLM_F_DUMP_INTR): a machine on which it always
/// does must not keep its caller for ever.
inline constexpr int netlink_dump_attempts = 4;

/// Most Unix sockets that are listed: as many as fs.file-max lets all users together have by default on a machine with
/// 10 GiB. Beyond that the list is an error, not cut.
inline constexpr std::size_t unix_sockets = std::size_t{1} << 20;

/// Control data of another process that is copied: what gVisor takes. The kernel's own limit is far below
/// (net.core.optmem_max, 128 KiB by default), so that what it would take is taken.
inline constexpr std::size_t foreign_control_bytes = std::size_t{10} << 20;

/// sizeof(sockaddr_storage): of a longer address of another process the kernel takes so much.
inline constexpr std::size_t foreign_name_bytes = 128;

/// MAX_RW_COUNT with pages of 4 KiB: of buffers that are longer together the kernel uses so much.
inline constexpr std::size_t foreign_payload_bytes = 0x7ffff000;

/// Waits for which the kernel has no event (too many in flight; a full, unconnected datagram peer) sleep this long,
/// doubling from the first to the second.
inline constexpr std::chrono::milliseconds first_backoff{1};
inline constexpr std::chrono::milliseconds last_backoff{50};

}  // namespace scm::inline v0_1::limits
