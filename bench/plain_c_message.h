/// What hand-written C puts into a message header, and what it takes out of one.
#pragma once

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/// What SCM_RIGHTS carries at most.
enum { plain_c_most_descriptors = 253 };

static inline void plain_c_close(const int* descriptors, size_t count) {
  for (size_t i = 0; i != count; ++i) close(descriptors[i]);
}

/// For a send: `control` has room for `count` descriptors.
static inline void plain_c_put(struct msghdr* header, void* control, const int* descriptors, size_t count) {
  struct cmsghdr* rights;
  if (count == 0) return;
  header->msg_control = control;
  header->msg_controllen = CMSG_SPACE(sizeof(int) * count);
  rights = CMSG_FIRSTHDR(header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(rights), descriptors, sizeof(int) * count);
}

/// Control room for a receive of at most `max` descriptors: one more shows a surplus.
static inline size_t plain_c_room(size_t max) {
  const size_t most = plain_c_most_descriptors;
  return CMSG_SPACE(sizeof(int) * (max < most ? max + 1 : most));
}

/// After a receive: 0, at most `max` descriptors, which the caller owns, and their number in `count`. -1 with EPROTO
/// when something was cut or is too much, and everything closed.
static inline int plain_c_take(struct msghdr* header, int* descriptors, size_t max, size_t* count) {
  size_t installed = 0;
  for (struct cmsghdr* item = CMSG_FIRSTHDR(header); item != NULL; item = CMSG_NXTHDR(header, item)) {
    if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
      const size_t here = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i != here; ++i) {
        int descriptor;
        memcpy(&descriptor, CMSG_DATA(item) + i * sizeof(int), sizeof(int));
        if (installed < max) {
          descriptors[installed] = descriptor;
        } else {
          close(descriptor);
        }
        ++installed;
      }
    }
  }
  if (installed > max || (header->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) {
    plain_c_close(descriptors, installed < max ? installed : max);
    errno = EPROTO;
    return -1;
  }
  *count = installed;
  return 0;
}
