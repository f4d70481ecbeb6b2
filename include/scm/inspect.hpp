/// Inspection: what a descriptor is, found out without touching what it refers to.
#pragma once

#include <scm/inspect/admission.hpp>
#include <scm/inspect/description.hpp>
#include <scm/inspect/expectation.hpp>
#include <scm/inspect/expectation_text.hpp>
#include <scm/inspect/kind.hpp>
#include <scm/inspect/safe_text.hpp>
#include <scm/inspect/seals.hpp>
#include <scm/inspect/socket_name.hpp>
