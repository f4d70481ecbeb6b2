/// Records: bytes with any number of descriptors, packed into few kernel messages, over stream and seqpacket channels.
#pragma once

#include <scm/frame/calls.hpp>
#include <scm/frame/record.hpp>
#include <scm/frame/record_channel.hpp>
#include <scm/frame/record_decoder.hpp>
