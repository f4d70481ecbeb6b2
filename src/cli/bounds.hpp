/// Every bound on what a sender, a file or the command line can make the program do, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace scm::cli::bounds {

/// Room for the bytes of one message. A seqpacket or datagram message is at most SO_SNDBUF - 32 bytes (kernel fact D3),
/// which net.core.wmem_max holds under 416 KiB unless somebody has raised it.
inline constexpr std::size_t message_bytes = std::size_t{1} << 20;

/// Most that --data reads: it is held in memory, and more is a file's job, which can be sent as a descriptor.
inline constexpr std::size_t data_bytes = std::size_t{64} << 20;

/// What a person is shown of a message's bytes; --json gives all of them.
inline constexpr std::size_t bytes_shown = 256;

/// What --save writes of one file unless --save-max says otherwise. A sparse file of 2^63 bytes costs its sender
/// nothing.
inline constexpr std::uint64_t saved_bytes = std::uint64_t{16} << 30;

/// Most bytes of an answer of a control server, which are held in memory, and of a line to it.
inline constexpr std::size_t answer_bytes = std::size_t{1} << 20;

/// NAME_MAX: longer names no Linux file system takes.
inline constexpr std::size_t name_bytes = 255;

/// Most descriptors of one process that are listed: fs.nr_open's default, so that only who raised it can have more.
inline constexpr std::size_t descriptors_listed = std::size_t{1} << 20;

/// What is read of /proc/PID/fdinfo/N for the descriptors in flight, whose line is behind one for each file lock: a
/// holder who takes very many hides the number, and it is printed as not known.
inline constexpr std::size_t fdinfo_bytes = std::size_t{64} << 10;

/// Widest column of the list of sockets: an address of 432 characters is printed whole, but does not push away all
/// others.
inline constexpr std::size_t column_width = 48;

}  // namespace scm::cli::bounds
