/// The yardstick: descriptor passing as a competent C programmer writes it by hand.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct plain_c {
  int socket;
  int stream;              ///< Not 0 for a stream, which may hand a message out in parts.
  const char* out;         ///< What each message says,
  char* in;                ///< where it is read to,
  size_t bytes;            ///< and how long it is.
  const int* descriptors;  ///< What each message carries.
  size_t count;            ///< How many of them; a receive allows no more.
};

/// Sends `messages` messages. 0, or -1 with errno.
int plain_c_send(const struct plain_c* self, size_t messages);

/// Receives `messages` messages and closes the descriptors that came with them. Their number, or -1 with errno: EPROTO
/// for what was lost, is too much, or is not `bytes` long.
long plain_c_receive(const struct plain_c* self, size_t messages);

#ifdef __cplusplus
}
#endif
