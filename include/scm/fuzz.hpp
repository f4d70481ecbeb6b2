/// The fuzz kit: models, oracles and a mutator for whoever fuzzes code that handles control data.
#pragma once

#include <scm/fuzz/control_mutator.hpp>
#include <scm/fuzz/input.hpp>
#include <scm/fuzz/libc_walks.hpp>
#include <scm/fuzz/loose_message.hpp>
#include <scm/fuzz/receive_oracle.hpp>
#include <scm/fuzz/send_oracle.hpp>
#include <scm/fuzz/walk_models.hpp>
