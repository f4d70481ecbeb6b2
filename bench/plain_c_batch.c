/// Descriptor passing by hand, by sendmmsg(2) and recvmmsg(2). The storage is taken once.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "plain_c_batch.h"

#include "plain_c_message.h"

#include <stdlib.h>
#include <sys/types.h>
#include <sys/uio.h>

struct plain_c_batch {
  struct plain_c each;
  size_t batch;
  size_t stride;  ///< Of `controls`.
  struct mmsghdr* headers;
  struct iovec* vectors;
  char* controls;
  char* in;
};

struct plain_c_batch* plain_c_batch_create(const struct plain_c* each, size_t batch) {
  struct plain_c_batch* self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->each = *each;
  self->batch = batch;
  self->stride = plain_c_room(each->count);
  self->headers = calloc(batch, sizeof *self->headers);
  self->vectors = calloc(batch, sizeof *self->vectors);
  self->controls = calloc(batch, self->stride);
  self->in = calloc(batch, each->bytes);
  if (self->headers == NULL || self->vectors == NULL || self->controls == NULL || self->in == NULL) {
    plain_c_batch_destroy(self);
    return NULL;
  }
  return self;
}

void plain_c_batch_destroy(struct plain_c_batch* self) {
  free(self->headers);
  free(self->vectors);
  free(self->controls);
  free(self->in);
  free(self);
}

static size_t at_once(const struct plain_c_batch* self, size_t messages) {
  return messages < self->batch ? messages : self->batch;
}

/// A header as for the first time; the kernel writes into those of a receive.
static struct msghdr* header_of(struct plain_c_batch* self, size_t i, void* bytes) {
  struct msghdr* header = &self->headers[i].msg_hdr;
  memset(header, 0, sizeof *header);
  self->vectors[i].iov_base = bytes;
  self->vectors[i].iov_len = self->each.bytes;
  header->msg_iov = &self->vectors[i];
  header->msg_iovlen = 1;
  return header;
}

int plain_c_batch_send(struct plain_c_batch* self, size_t messages) {
  while (messages != 0) {
    const size_t count = at_once(self, messages);
    int sent;
    for (size_t i = 0; i != count; ++i) {
      struct msghdr* header = header_of(self, i, (void*)self->each.out);
      plain_c_put(header, self->controls + i * self->stride, self->each.descriptors, self->each.count);
    }
    do {
      sent = sendmmsg(self->each.socket, self->headers, (unsigned)count, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return -1;
    messages -= (size_t)sent;
  }
  return 0;
}

long plain_c_batch_receive(struct plain_c_batch* self, size_t messages) {
  int descriptors[plain_c_most_descriptors];
  long arrived = 0;
  while (messages != 0) {
    const size_t count = at_once(self, messages);
    int received;
    int failed = 0;
    for (size_t i = 0; i != count; ++i) {
      struct msghdr* header = header_of(self, i, self->in + i * self->each.bytes);
      header->msg_control = self->controls + i * self->stride;
      header->msg_controllen = self->stride;
    }
    do {
      received = recvmmsg(self->each.socket, self->headers, (unsigned)count, MSG_CMSG_CLOEXEC | MSG_WAITFORONE, NULL);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return -1;
    for (int i = 0; i != received; ++i) {
      size_t installed = 0;
      if (plain_c_take(&self->headers[i].msg_hdr, descriptors, self->each.count, &installed) != 0 ||
          self->headers[i].msg_len != self->each.bytes) {
        failed = 1;
      }
      plain_c_close(descriptors, installed);
      arrived += (long)installed;
    }
    if (failed) {
      errno = EPROTO;
      return -1;
    }
    messages -= (size_t)received;
  }
  return arrived;
}
