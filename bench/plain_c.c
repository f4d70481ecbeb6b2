/// Descriptor passing by hand: one sendmsg(2) or recvmsg(2) for each message, nothing left unchecked, nothing prepared
/// ahead.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "plain_c.h"

#include "plain_c_message.h"

#include <sys/types.h>
#include <sys/uio.h>

union control {
  char bytes[CMSG_SPACE(sizeof(int) * plain_c_most_descriptors)];
  struct cmsghdr alignment;
};

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
  plain_c_put(&header, control.bytes, descriptors, count);
  do {
    sent = sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

/// At most `max` descriptors, which the caller owns.
static ssize_t receive_message(int socket, void* bytes, size_t size, int* descriptors, size_t max, size_t* count) {
  union control control;
  struct iovec vector = {bytes, size};
  struct msghdr header = {0};
  ssize_t received;

  if (max > plain_c_most_descriptors) max = plain_c_most_descriptors;
  do {
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes;
    header.msg_controllen = plain_c_room(max);
    received = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0 || plain_c_take(&header, descriptors, max, count) != 0) return -1;
  return received;
}

int plain_c_send(const struct plain_c* self, size_t messages) {
  for (size_t i = 0; i != messages; ++i) {
    const ssize_t first = send_message(self->socket, self->out, self->bytes, self->descriptors, self->count);
    if (first < 0) return -1;
    // A stream that a signal interrupts takes less, and all of the descriptors.
    for (size_t sent = (size_t)first; sent != self->bytes;) {
      const ssize_t more = send_message(self->socket, self->out + sent, self->bytes - sent, NULL, 0);
      if (more < 0) return -1;
      sent += (size_t)more;
    }
  }
  return 0;
}

long plain_c_receive(const struct plain_c* self, size_t messages) {
  int descriptors[plain_c_most_descriptors];
  long arrived = 0;
  for (size_t i = 0; i != messages; ++i) {
    size_t got = 0;
    do {
      size_t count = 0;
      const ssize_t size =
          receive_message(self->socket, self->in + got, self->bytes - got, descriptors, self->count, &count);
      if (size < 0) return -1;
      plain_c_close(descriptors, count);
      arrived += (long)count;
      if (size == 0) break;
      got += (size_t)size;
    } while (self->stream && got != self->bytes);
    if (got != self->bytes) {
      errno = EPROTO;
      return -1;
    }
  }
  return arrived;
}
