/// Descriptor passing by hand: one sendmsg(2) or recvmsg(2) for each message, nothing left unchecked, nothing prepared
/// ahead.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "plain_c.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
  char bytes[CMSG_SPACE(sizeof(int) * plain_c_most_descriptors)];
  struct cmsghdr alignment;
};

static void close_all(const int* descriptors, size_t count) {
  for (size_t i = 0; i != count; ++i) close(descriptors[i]);
}

static ssize_t send_message(int socket, const void* bytes, size_t size, const int* descriptors, size_t count) {
  union control control;
  struct iovec vector = {(void*)bytes, size};
  struct msghdr header = {0};
  ssize_t sent;

  if (count > plain_c_most_descriptors) {
    errno = EINVAL;
    return -1;
  }
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (count != 0) {
    struct cmsghdr* rights;
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(rights), descriptors, sizeof(int) * count);
  }
  do {
    sent = sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

/// At most `max` descriptors, which the caller owns; room for one more shows a surplus.
static ssize_t receive_message(int socket, void* bytes, size_t size, int* descriptors, size_t max, size_t* count) {
  union control control;
  struct iovec vector = {bytes, size};
  struct msghdr header = {0};
  size_t installed = 0;
  ssize_t received;

  if (max > plain_c_most_descriptors) max = plain_c_most_descriptors;
  do {
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes;
    header.msg_controllen =
        CMSG_SPACE(sizeof(int) * (max < plain_c_most_descriptors ? max + 1 : plain_c_most_descriptors));
    received = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return -1;

  for (struct cmsghdr* item = CMSG_FIRSTHDR(&header); item != NULL; item = CMSG_NXTHDR(&header, item)) {
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
  if (installed > max || (header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) {
    close_all(descriptors, installed < max ? installed : max);
    errno = EPROTO;
    return -1;
  }
  *count = installed;
  return received;
}

int plain_c_send(const struct plain_c* self, size_t messages) {
  for (size_t i = 0; i != messages; ++i) {
    if (send_message(self->socket, self->out, self->bytes, self->descriptors, self->count) < 0) return -1;
  }
  return 0;
}

long plain_c_receive(const struct plain_c* self, size_t messages) {
  int descriptors[plain_c_most_descriptors];
  long arrived = 0;
  for (size_t i = 0; i != messages; ++i) {
    size_t count = 0;
    const ssize_t size = receive_message(self->socket, self->in, self->bytes, descriptors, self->count, &count);
    if (size < 0) return -1;
    close_all(descriptors, count);
    if ((size_t)size != self->bytes) {
      errno = EPROTO;
      return -1;
    }
    arrived += (long)count;
  }
  return arrived;
}
