/// Messages of another process, taken out of its memory and answered there.
#pragma once

#include <scm/foreign/control.hpp>
#include <scm/foreign/layout.hpp>
#include <scm/foreign/memory.hpp>
#include <scm/foreign/message.hpp>
