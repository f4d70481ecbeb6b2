/// Processes: starting programs with named descriptors, taking those over, giving up the rest; memory, events.
#pragma once

#include <scm/process/child.hpp>
#include <scm/process/confine.hpp>
#include <scm/process/event.hpp>
#include <scm/process/inherited.hpp>
#include <scm/process/named_fd.hpp>
#include <scm/process/notify.hpp>
#include <scm/process/run_as.hpp>
#include <scm/process/shared_memory.hpp>
#include <scm/process/spawn.hpp>
#include <scm/process/watched.hpp>
