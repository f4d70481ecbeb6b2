/// Processes: starting programs with named descriptors, and taking them over in the program.
#pragma once

#include <scm/process/child.hpp>
#include <scm/process/inherited.hpp>
#include <scm/process/named_fd.hpp>
#include <scm/process/spawn.hpp>
