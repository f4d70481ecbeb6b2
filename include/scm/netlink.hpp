/// Netlink: messages taken apart, a socket that asks the kernel, and the list of all Unix sockets.
#pragma once

#include <scm/netlink/acknowledgement.hpp>
#include <scm/netlink/attribute.hpp>
#include <scm/netlink/message.hpp>
