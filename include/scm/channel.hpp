/// Channels: messages with descriptors over Unix stream, datagram and seqpacket sockets.
#pragma once

#include <scm/channel/channel.hpp>
#include <scm/channel/datagram.hpp>
#include <scm/channel/listener.hpp>
#include <scm/channel/message.hpp>
#include <scm/channel/readiness.hpp>
#include <scm/channel/seqpacket.hpp>
#include <scm/channel/socket_file.hpp>
#include <scm/channel/stream.hpp>
#include <scm/channel/transfer.hpp>
#include <scm/core.hpp>
