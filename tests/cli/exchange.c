/* A program that knows nothing of whoever watches it: passes descriptors as it is told, and says what came of it.
   Plain C and small: it is started hundreds of times, and built for 32 bits as well.

   Each argument is a step on a pair of connected sockets, 3 and 4 (stream, or what "dgram" or "seqpacket" as the first
   argument says), and prints a line:
     send=KINDS      one message of one byte with descriptors: letters m memfd, s sealed memfd, p pipe, d directory,
                     n /dev/null, t stdin; "-" is none
     send-mm=KINDS   the same by sendmmsg
     oob=KINDS       the same, out of band
     recv            receives it: bytes, descriptors, MSG_CTRUNC, how many are close-on-exec, the lowest number
     recv=N          the same with room for no more than N descriptors
     recv-mm         the same by recvmmsg
     to=ADDRESS      KINDS follow: a datagram, or a message with that name in it, to /PATH or @NAME
     name=NAME       renames the process (comm), as a program that hides would
     threads=N       N sends, while another thread changes the descriptor number all the time between m and p
     uring           io_uring_setup
     listener        a seccomp listener of its own
     broken          closes the receiver's end and sends, SIGPIPE allowed
     pid             its process id
     raise=N         a signal for itself
     exit=N          ends */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { most = 64 };

union control {
  struct cmsghdr head;
  char bytes[CMSG_SPACE(most * sizeof(int))];
};

static int make(char kind) {
  int ends[2];
  switch (kind) {
    case 'm':
    case 's': {
      const int fd = memfd_create("exchange\033[31m", MFD_CLOEXEC | MFD_ALLOW_SEALING);
      if (kind == 's') fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
      return fd;
    }
    case 'p':
      if (pipe2(ends, O_CLOEXEC) != 0) return -1;
      close(ends[1]);
      return ends[0];
    case 'd':
      return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 'n':
      return open("/dev/null", O_RDWR | O_CLOEXEC);
    case 't':
      return dup(0);
    default:
      return -1;
  }
}

static const char* error_name(void) { return strerrorname_np(errno); }

static void say(const char* step, ssize_t result) {
  if (result < 0) {
    printf("%s: %s\n", step, error_name());
  } else {
    printf("%s: %zd\n", step, result);
  }
  fflush(stdout);
}

static socklen_t address_of(const char* text, struct sockaddr_un* into) {
  memset(into, 0, sizeof *into);
  into->sun_family = AF_UNIX;
  strncpy(into->sun_path, text, sizeof into->sun_path - 1);
  if (text[0] == '@') into->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text));
}

struct outgoing {
  struct msghdr header;
  struct iovec buffer;
  union control control;
  struct sockaddr_un name;
  int fds[most];
  size_t count;
  char byte;
};

static void prepare(struct outgoing* out, const char* kinds, const char* to) {
  memset(out, 0, sizeof *out);
  out->byte = 'x';
  out->buffer = (struct iovec){&out->byte, 1};
  out->header.msg_iov = &out->buffer;
  out->header.msg_iovlen = 1;
  if (to != NULL) {
    out->header.msg_name = &out->name;
    out->header.msg_namelen = address_of(to, &out->name);
  }
  for (const char* kind = kinds; *kind != '\0' && *kind != '-'; ++kind) out->fds[out->count++] = make(*kind);
  if (out->count == 0) return;
  out->header.msg_control = &out->control;
  out->header.msg_controllen = CMSG_SPACE(out->count * sizeof(int));
  out->control.head.cmsg_level = SOL_SOCKET;
  out->control.head.cmsg_type = SCM_RIGHTS;
  out->control.head.cmsg_len = CMSG_LEN(out->count * sizeof(int));
  memcpy(CMSG_DATA(&out->control.head), out->fds, out->count * sizeof(int));
}

static void finish(struct outgoing* out) {
  for (size_t i = 0; i != out->count; ++i) close(out->fds[i]);
}

static void send_one(const char* step, const char* kinds, const char* to, int flags, int many) {
  struct outgoing out;
  prepare(&out, kinds, to);
  ssize_t sent;
  if (many) {
    struct mmsghdr entry = {out.header, 0};
    sent = sendmmsg(3, &entry, 1, flags | MSG_NOSIGNAL);
  } else {
    sent = sendmsg(3, &out.header, flags | MSG_NOSIGNAL);
  }
  say(step, sent);
  finish(&out);
}

struct incoming {
  struct msghdr header;
  struct iovec buffer;
  union control control;
  char bytes[16];
};

static void await(struct incoming* in) {
  memset(in, 0, sizeof *in);
  in->buffer = (struct iovec){in->bytes, sizeof in->bytes};
  in->header.msg_iov = &in->buffer;
  in->header.msg_iovlen = 1;
  in->header.msg_control = &in->control;
  in->header.msg_controllen = sizeof in->control;
}

/* How many descriptors came; `each` is called for them, and they are closed. */
static size_t take(struct msghdr* header, size_t* cloexec, int* lowest, char* kinds) {
  size_t count = 0;
  *cloexec = 0;
  *lowest = -1;
  for (struct cmsghdr* one = CMSG_FIRSTHDR(header); one != NULL; one = CMSG_NXTHDR(header, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    const size_t here = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i != here; ++i) {
      int fd;
      memcpy(&fd, CMSG_DATA(one) + i * sizeof fd, sizeof fd);
      struct stat status;
      const char kind = fstat(fd, &status) != 0    ? '?'
                        : S_ISFIFO(status.st_mode) ? 'p'
                        : S_ISDIR(status.st_mode)  ? 'd'
                        : S_ISREG(status.st_mode)  ? 'm'
                                                   : 'o';
      if (count < most) kinds[count] = kind;
      ++count;
      if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0) ++*cloexec;
      if (*lowest < 0 || fd < *lowest) *lowest = fd;
      close(fd);
    }
  }
  kinds[count < most ? count : most] = '\0';
  return count;
}

static void receive_one(const char* step, int many, const char* room) {
  struct incoming in;
  await(&in);
  if (*room != '\0') in.header.msg_controllen = CMSG_LEN((size_t)atoi(room) * sizeof(int));
  ssize_t got;
  if (many) {
    struct mmsghdr entry = {in.header, 0};
    got = recvmmsg(4, &entry, 1, MSG_DONTWAIT, NULL);
    in.header = entry.msg_hdr;
  } else {
    got = recvmsg(4, &in.header, MSG_DONTWAIT);
  }
  if (got < 0) return say(step, got);
  size_t cloexec;
  int lowest;
  char kinds[most + 1];
  take(&in.header, &cloexec, &lowest, kinds);
  printf("%s: %zd kinds=%s cloexec=%zu lowest=%d%s\n", step, got, kinds, cloexec, lowest,
         (in.header.msg_flags & MSG_CTRUNC) != 0 ? " truncated" : "");
  fflush(stdout);
}

static volatile int racing = 1;

static void* flip(void* at) {
  struct outgoing* const out = at;
  int* const slot = (int*)CMSG_DATA(&out->control.head);
  while (racing) {
    *(volatile int*)slot = out->fds[1];
    *(volatile int*)slot = out->fds[0];
  }
  return NULL;
}

/* A memfd that a pipe is put in the place of, and taken out again, while it is sent: which of them arrive? */
static void race(int times) {
  struct outgoing out;
  prepare(&out, "mp", NULL);
  out.header.msg_controllen = CMSG_SPACE(sizeof(int));
  out.control.head.cmsg_len = CMSG_LEN(sizeof(int));
  pthread_t other;
  pthread_create(&other, NULL, flip, &out);
  int sent = 0, denied = 0, wrong = 0;
  for (int i = 0; i != times; ++i) {
    if (sendmsg(3, &out.header, MSG_NOSIGNAL) < 0) {
      ++denied;
      continue;
    }
    ++sent;
    struct incoming in;
    await(&in);
    size_t cloexec;
    int lowest;
    char kinds[most + 1];
    if (recvmsg(4, &in.header, 0) < 0 || take(&in.header, &cloexec, &lowest, kinds) != 1 || kinds[0] != 'm') ++wrong;
  }
  racing = 0;
  pthread_join(other, NULL);
  finish(&out);
  printf("threads: %s, wrong=%d\n", sent != 0 && denied != 0 ? "both" : sent != 0 ? "sent" : "denied", wrong);
  fflush(stdout);
}

static void break_it(void) {
  struct outgoing out;
  prepare(&out, "-", NULL);
  close(4);
  say("broken", sendmsg(3, &out.header, 0));
}

static void listen_to_itself(void) {
  struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {1, code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  say("listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

int main(int argc, char** argv) {
  int type = SOCK_STREAM, from = 1;
  if (argc > 1 && strcmp(argv[1], "dgram") == 0) type = SOCK_DGRAM, from = 2;
  if (argc > 1 && strcmp(argv[1], "seqpacket") == 0) type = SOCK_SEQPACKET, from = 2;
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) return 99;
  if (ends[0] != 3 || ends[1] != 4) return 98;
  for (int i = from; i < argc; ++i) {
    const char* const value = strchr(argv[i], '=') != NULL ? strchr(argv[i], '=') + 1 : "";
    const size_t size = strcspn(argv[i], "=");
    const char* const step = argv[i];
#define STEP(name) (size == sizeof name - 1 && memcmp(step, name, size) == 0)
    if (STEP("send")) send_one("send", value, NULL, 0, 0);
    if (STEP("send-mm")) send_one("send-mm", value, NULL, 0, 1);
    if (STEP("oob")) send_one("oob", value, NULL, MSG_OOB, 0);
    if (STEP("recv")) receive_one("recv", 0, value);
    if (STEP("recv-mm")) receive_one("recv-mm", 1, value);
    if (STEP("to") && i + 1 < argc) send_one("to", argv[++i], value, 0, 0);
    if (STEP("name")) prctl(PR_SET_NAME, value, 0, 0, 0);
    if (STEP("threads")) race(atoi(value));
    if (STEP("uring")) say("uring", syscall(SYS_io_uring_setup, 1, NULL));
    if (STEP("listener")) listen_to_itself();
    if (STEP("broken")) break_it();
    if (STEP("pid")) say("pid", getpid());
    if (STEP("raise")) raise(atoi(value));
    if (STEP("exit")) return atoi(value);
#undef STEP
  }
  return 0;
}
