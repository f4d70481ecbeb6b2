/// Netlink: messages taken apart, a socket that asks the kernel, and the list of all Unix sockets.
#pragma once

#include <scm/netlink/acknowledgement.hpp>
#include <scm/netlink/attribute.hpp>
#include <scm/netlink/message.hpp>
#include <scm/netlink/namespace_error.hpp>
#include <scm/netlink/netlink_batch.hpp>
#include <scm/netlink/netlink_family.hpp>
#include <scm/netlink/netlink_reply.hpp>
#include <scm/netlink/netlink_requests.hpp>
#include <scm/netlink/netlink_socket.hpp>
#include <scm/netlink/unix_sockets.hpp>
