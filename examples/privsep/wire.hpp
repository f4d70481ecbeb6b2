/// What monitor, worker and clients say to each other, in messages of seqpacket sockets.
#pragma once

#include <scm/inspect.hpp>

#include <cstdint>
#include <string_view>

namespace privsep {

/// The name of the listening socket that a service manager may start the monitor with.
inline constexpr std::string_view listener_name = "listener";

/// The worker's channel for files: it sends a name of the policy, and gets `granted` and a descriptor, or `refused`,
/// before it sends the next.
inline constexpr std::string_view files_name = "files";
inline constexpr char granted = 'y', refused = 'n';

/// The worker's channel for clients: it gets a slot and a connection, and sends the slot when it is done with that.
inline constexpr std::string_view clients_name = "clients";
using slot = std::uint32_t;

/// A client hears `ready` from each worker that takes it over: the first, and every one after a worker that died. It
/// then sends "get TAG NAME" for all that has no answer yet, since what a dead worker had read is gone with it. Answers
/// are "TAG ok", with a descriptor, and "TAG no"; one whose tag is not waited for was asked for twice.
inline constexpr std::string_view ready = "ready";

/// All sockets that are handed over here.
inline const scm::expectation connected{
    .kinds = scm::descriptor_kind::socket, .socket_family = AF_UNIX, .socket_type = SOCK_SEQPACKET, .listening = false};

}  // namespace privsep
