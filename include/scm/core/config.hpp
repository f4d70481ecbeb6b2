/// What every public header needs: the version of the interface and the visibility of its symbols.
#pragma once

#define SCM_VERSION_MAJOR 0
#define SCM_VERSION_MINOR 1
#define SCM_VERSION_PATCH 0

/// The library is built with hidden visibility; what carries this mark is its interface.
#define SCM_API __attribute__((visibility("default")))

#if defined(__x86_64__) && defined(__ILP32__)
#error "scm: x32 is not supported: its control messages have a third layout that is not tested here"
#endif

/// Everything lives in an inline namespace named after the minor version, so that two incompatible versions linked
/// into one process cannot be mistaken for one another.
namespace scm::inline v0_1 {}

/// Declared before anything that says `namespace scm::detail`, which then means this one in every order of includes:
/// without it, a file that comes first would make a second namespace of that name, and each use would be ambiguous.
namespace scm::inline v0_1::detail {}
