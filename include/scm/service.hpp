/// Services: what a daemon runs. Of the CMake target scm::service, which needs Boost.Asio's headers to be built.
#pragma once

#include <scm/service/broker.hpp>
#include <scm/service/control_server.hpp>
#include <scm/service/policy.hpp>
#include <scm/service/policy_text.hpp>
