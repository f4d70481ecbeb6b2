/// Channels, listeners, records and netlink sockets on Boost.Asio. Headers alone, of the CMake target scm::asio.
#pragma once

#include <scm/asio/async_channel.hpp>
#include <scm/asio/async_netlink.hpp>
#include <scm/asio/async_records.hpp>
