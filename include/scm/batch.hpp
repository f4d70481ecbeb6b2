/// Batches: many messages for each system call, over datagram and seqpacket sockets.
#pragma once

#include <scm/batch/receive_batch.hpp>
#include <scm/batch/send_batch.hpp>
#include <scm/channel.hpp>
