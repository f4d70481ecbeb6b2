/// Channels, listeners and records on Boost.Asio. Headers alone, of the CMake target scm::asio.
#pragma once

#include <scm/asio/async_channel.hpp>
#include <scm/asio/async_records.hpp>
