/// The core: descriptors, sizes, control data, addresses, identities. Values and bytes, no sockets.
#pragma once

#include <scm/core/address.hpp>
#include <scm/core/borrowed_fds.hpp>
#include <scm/core/buffer.hpp>
#include <scm/core/cmsg.hpp>
#include <scm/core/control_buffer.hpp>
#include <scm/core/control_items.hpp>
#include <scm/core/control_view.hpp>
#include <scm/core/credentials.hpp>
#include <scm/core/deadline.hpp>
#include <scm/core/descriptor_list.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/identity.hpp>
#include <scm/core/limits.hpp>
#include <scm/core/result.hpp>
