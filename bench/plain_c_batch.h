/// Hand-written C that passes many messages by one system call.
#pragma once

#include "plain_c.h"

#ifdef __cplusplus
extern "C" {
#endif

struct plain_c_batch;

/// For `batch` messages at once, each as `each` says, over SEQPACKET. NULL without memory.
struct plain_c_batch* plain_c_batch_create(const struct plain_c* each, size_t batch);
void plain_c_batch_destroy(struct plain_c_batch* self);

/// As plain_c_send and plain_c_receive. A receive takes what has come, up to a batch, as soon as there is one message.
int plain_c_batch_send(struct plain_c_batch* self, size_t messages);
long plain_c_batch_receive(struct plain_c_batch* self, size_t messages);

#ifdef __cplusplus
}
#endif
