/* Messages out and in, and all that is seen of them. */
#include "behaviours.h"

static size_t aligned(size_t size) { return (size + sizeof(long) - 1) & ~(sizeof(long) - 1); }

void add_item(struct control* control, int level, int type, const void* data, size_t size) {
  control->size = aligned(control->size);
  const struct cmsghdr header = {.cmsg_len = HEADER + size, .cmsg_level = level, .cmsg_type = type};
  memcpy(control->bytes + control->size, &header, HEADER);
  if (size != 0) memcpy(control->bytes + control->size + HEADER, data, size);
  control->size += HEADER + size;
}

void add_rights(struct control* control, const int* descriptors, size_t count) {
  add_item(control, SOL_SOCKET, SCM_RIGHTS, descriptors, count * sizeof(int));
}

void add_creds(struct control* control, pid_t pid, uid_t uid, gid_t gid) {
  const struct ucred creds = {.pid = pid, .uid = uid, .gid = gid};
  add_item(control, SOL_SOCKET, SCM_CREDENTIALS, &creds, sizeof creds);
}

long send_control(int socket, const void* bytes, size_t size, const struct control* control, int flags) {
  struct iovec part = {.iov_base = (void*)(uintptr_t)bytes, .iov_len = size};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  if (control != NULL) {
    header.msg_control = (void*)(uintptr_t)control->bytes;
    header.msg_controllen = control->size;
  }
  return do_sendmsg(socket, &header, flags);
}

long send_fds(int socket, const char* text, const int* descriptors, size_t count) {
  struct control control = {.size = 0};
  add_rights(&control, descriptors, count);
  return send_control(socket, text, strlen(text), &control, 0);
}

long send_text(int socket, const char* text) { return send_control(socket, text, strlen(text), NULL, 0); }

long send_to(int socket, const char* text, const void* name, socklen_t size, const struct control* control) {
  struct iovec part = {.iov_base = (void*)(uintptr_t)text, .iov_len = strlen(text)};
  struct msghdr header = {.msg_name = (void*)(uintptr_t)name, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1};
  if (control != NULL) {
    header.msg_control = (void*)(uintptr_t)control->bytes;
    header.msg_controllen = control->size;
  }
  return do_sendmsg(socket, &header, 0);
}

long say_sent(const char* what, long returned) {
  const int error = errno;
  say("%s: sent %ld %s", what, returned, returned < 0 ? error_name(error) : "ok");
  errno = error;
  return returned;
}

struct seen seen;
static int kept[4096];
static size_t kept_count;

static void keep(int descriptor) {
  if (descriptor >= 0 && kept_count != COUNT(kept)) kept[kept_count++] = descriptor;
}

void drop(void) {
  while (kept_count != 0) close(kept[--kept_count]);
}

static void say_bytes(const char* what, const unsigned char* bytes, size_t size) {
  if (size == 0) return;
  printf(" %s", what);
  for (size_t i = 0; i != size; ++i) printf("%02x", bytes[i]);
}

/* One process's pidfd: "Pid:" of its fdinfo. */
static pid_t pid_of(int pidfd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
  FILE* file = fopen(path, "re");
  char line[256];
  int pid = -2;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "Pid:", 4) == 0) pid = atoi(line + 4);
  }
  if (file != NULL) fclose(file);
  return pid;
}

static void say_item(const struct cmsghdr* item, const unsigned char* data, size_t size) {
  if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
    printf(" RIGHTS");
    for (size_t i = 0; i + sizeof(int) <= size && seen.count != COUNT(seen.descriptors); i += sizeof(int)) {
      int number;
      memcpy(&number, data + i, sizeof number);
      printf(" %d=%s%s", number, name_of(number), (fcntl(number, F_GETFD) & FD_CLOEXEC) != 0 ? "!" : "");
      seen.descriptors[seen.count++] = number;
      keep(number);
    }
    say_bytes("and ", data + size / sizeof(int) * sizeof(int), size % sizeof(int));
  } else if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_CREDENTIALS && size == sizeof seen.creds) {
    memcpy(&seen.creds, data, sizeof seen.creds);
    seen.has_creds = true;
    printf(" CREDENTIALS %s %d %d", pid_name(seen.creds.pid), (int)seen.creds.uid, (int)seen.creds.gid);
  } else if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_CREDENTIALS) {
    /* A pid in it differs from run to run, cut or not. */
    printf(" CREDENTIALS cut");
    if (size >= 4) {
      pid_t pid;
      memcpy(&pid, data, sizeof pid);
      printf(" %s", pid_name(pid));
      say_bytes("", data + 4, size - 4);
    }
  } else if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == scm_pidfd && size == sizeof(int)) {
    memcpy(&seen.pidfd, data, sizeof seen.pidfd);
    if (seen.pidfd < 0) {
      printf(" PIDFD %d", seen.pidfd);
    } else {
      printf(" PIDFD %d of %s%s", seen.pidfd, pid_name(pid_of(seen.pidfd)),
             (fcntl(seen.pidfd, F_GETFD) & FD_CLOEXEC) != 0 ? "!" : "");
      keep(seen.pidfd);
    }
  } else if (item->cmsg_level == SOL_SOCKET && (item->cmsg_type == SO_TIMESTAMP || item->cmsg_type == SO_TIMESTAMPNS)) {
    long seconds = 0;
    memcpy(&seconds, data, size < sizeof seconds ? size : sizeof seconds);
    const time_t difference = time(NULL) - seconds; /* time(2) lags by a tick */
    printf(" TIME %s", difference >= -1 && difference < 60 ? "now" : "wrong");
  } else {
    printf(" level %d type %d", item->cmsg_level, item->cmsg_type);
    say_bytes("data ", data, size);
  }
}

void say_received(const char* what, const struct msghdr* header, long returned, int error, size_t room,
                  size_t payload) {
  seen.returned = returned;
  seen.error = returned < 0 ? error : 0;
  seen.flags = (unsigned)header->msg_flags;
  seen.control_size = header->msg_controllen;
  seen.name_size = header->msg_namelen;
  seen.count = 0;
  seen.items = 0;
  seen.has_creds = false;
  seen.pidfd = -1;
  printf("%s: received %ld %s", what, returned, returned < 0 ? error_name(error) : "ok");
  if (returned >= 0) {
    const unsigned char* bytes = header->msg_iovlen != 0 ? header->msg_iov[0].iov_base : NULL;
    size_t shown = (size_t)returned < payload ? (size_t)returned : payload;
    if (header->msg_iovlen == 0) shown = 0;
    printf(" \"%.*s\"", (int)(shown < 40 ? shown : 40), (const char*)bytes);
    for (size_t i = shown; i < payload && bytes != NULL; ++i) {
      if (bytes[i] == 0xaa) continue;
      printf(" payload beyond its end at %zu", i);
      break;
    }
  }
  printf(" flags %s name %u control %zu", flag_names(seen.flags), (unsigned)seen.name_size, seen.control_size);
  const unsigned char* const control = header->msg_control;
  size_t at = 0;
  const bool readable = returned >= 0 && control != NULL && control != NOWHERE;
  while (readable && seen.control_size <= room && seen.control_size - at >= HEADER && at < seen.control_size) {
    struct cmsghdr item;
    memcpy(&item, control + at, HEADER);
    if (item.cmsg_len < HEADER || item.cmsg_len > seen.control_size - at) {
      printf(" [bad length %zu]", (size_t)item.cmsg_len);
      break;
    }
    printf(" [%zu", (size_t)item.cmsg_len);
    say_item(&item, control + at + HEADER, item.cmsg_len - HEADER);
    putchar(']');
    if (seen.items != (int)COUNT(seen.types)) seen.types[seen.items++] = item.cmsg_type;
    const size_t end = at + item.cmsg_len;
    at = aligned(end) < seen.control_size ? aligned(end) : seen.control_size;
    say_bytes("pad ", control + end, at - end); /* not written by the kernel */
  }
  /* What is beyond it was not written to; nor was anything else where nothing was received. */
  for (size_t i = at; readable && i < room; ++i) {
    if (control[i] == 0xaa) continue;
    printf(" written to at %zu: %02x", i, control[i]);
    break;
  }
  putchar('\n');
}

void receive(const char* what, int socket, struct request request) {
  static unsigned char payload[sizeof seen.payload], control[sizeof seen.control], name[sizeof seen.name];
  memset(payload, 0xaa, sizeof payload);
  memset(control, 0xaa, sizeof control);
  memset(name, 0xaa, sizeof name);
  struct iovec part = {.iov_base = payload, .iov_len = request.payload};
  struct msghdr header = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = control,
                          .msg_controllen = request.control,
                          .msg_name = request.name != 0 ? name : NULL,
                          .msg_namelen = (socklen_t)request.name,
                          .msg_flags = (int)request.input_flags};
  errno = 0;
  const long returned = do_recvmsg(socket, &header, request.flags);
  const int error = errno;
  say_received(what, &header, returned, error, request.control, request.payload);
  memcpy(seen.payload, payload, sizeof payload);
  memcpy(seen.control, control, sizeof control);
  memcpy(seen.name, name, sizeof name);
  for (size_t i = 0; i != sizeof name; ++i) {
    if (i < request.name && i < header.msg_namelen) continue;
    if (name[i] == 0xaa) continue;
    say("  name written to at %zu", i);
    break;
  }
  if (part.iov_base != payload || part.iov_len != request.payload || header.msg_iov != &part ||
      header.msg_iovlen != 1 || header.msg_control != (void*)control) {
    say("  the header's pointers were changed");
  }
}
