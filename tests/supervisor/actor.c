// A program that knows nothing of its supervisor. usage: supervised_actor WHAT [NUMBER]
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEED(what)                                                                          \
  do {                                                                                      \
    if (!(what)) {                                                                          \
      fprintf(stderr, "actor: line %d: %s failed: %s\n", __LINE__, #what, strerror(errno)); \
      _exit(9);                                                                             \
    }                                                                                       \
  } while (0)

static void pair(int type, int ends[2]) { NEED(socketpair(AF_UNIX, type, 0, ends) == 0); }

// One message with a byte payload of `size` and `count` copies of a descriptor.
static ssize_t put(int to, const void* bytes, size_t size, int fd, int count, int flags) {
  union {
    char room[CMSG_SPACE(253 * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec buffer = {(void*)(unsigned long)bytes, size};
  struct msghdr message = {.msg_iov = &buffer, .msg_iovlen = 1};
  if (count != 0) {
    message.msg_control = control.room;
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    memset(control.room, 0, message.msg_controllen);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    for (int i = 0; i != count; ++i) memcpy(CMSG_DATA(header) + i * (int)sizeof fd, &fd, sizeof fd);
  }
  return sendmsg(to, &message, flags);
}

static int got_fds[253], got_count, got_flags;
static ssize_t get(int from, void* bytes, size_t size, int flags) {
  union {
    char room[CMSG_SPACE(253 * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec buffer = {bytes, size};
  struct msghdr message = {
      .msg_iov = &buffer, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  const ssize_t got = recvmsg(from, &message, flags);
  got_count = 0;
  got_flags = message.msg_flags;
  if (got < 0) return got;
  for (struct cmsghdr* one = CMSG_FIRSTHDR(&message); one != NULL; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    got_count = (int)((one->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(got_fds, CMSG_DATA(one), (size_t)got_count * sizeof(int));
  }
  return got;
}

static void pass(int type) {
  int ends[2];
  char byte = 0;
  pair(type, ends);
  NEED(put(ends[0], "x", 1, 0, 3, 0) == 1);
  NEED(get(ends[1], &byte, 1, MSG_CMSG_CLOEXEC) == 1 && byte == 'x');
  printf("received %d, flags %#x, close-on-exec %d\n", got_count, got_flags,
         got_count > 0 ? fcntl(got_fds[0], F_GETFD) : -1);
}

// Which numbers descriptors get, and whether they are close-on-exec, for a receive that asks for nothing.
static void numbers(void) {
  int ends[2];
  char byte = 0;
  pair(SOCK_SEQPACKET, ends);
  NEED(put(ends[0], "x", 1, 0, 3, 0) == 1);
  NEED(get(ends[1], &byte, 1, 0) == 1 && got_count == 3);
  const int lowest = ends[1] + 1;
  printf(
      "%s, %s\n", got_fds[0] == lowest && got_fds[1] == lowest + 1 && got_fds[2] == lowest + 2 ? "lowest" : "scattered",
      fcntl(got_fds[0], F_GETFD) == FD_CLOEXEC && fcntl(got_fds[2], F_GETFD) == FD_CLOEXEC ? "close-on-exec" : "kept");
}

// Whom a receiver that asks sees as the sender.
static void whose(void) {
  int ends[2];
  char byte = 0;
  union {
    char room[CMSG_SPACE(sizeof(int[3]))];
    struct cmsghdr align;
  } control;
  int who[3] = {0, 0, 0};
  const int yes = 1;
  pair(SOCK_SEQPACKET, ends);
  NEED(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) == 0);
  NEED(put(ends[0], "x", 1, 0, 0, 0) == 1);
  struct iovec buffer = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &buffer, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  NEED(recvmsg(ends[1], &message, 0) == 1 && CMSG_FIRSTHDR(&message) != NULL);
  memcpy(who, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof who);
  printf("%s, user %s\n",
         who[0] == getpid()    ? "self"
         : who[0] == getppid() ? "supervisor"
                               : "somebody",
         (uid_t)who[1] == getuid() ? "right" : "wrong");
}

// --- signals
static atomic_int handled;
static void handler(int number) {
  (void)number;
  ++handled;
}
static void handle(int number, int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  NEED(sigaction(number, &action, NULL) == 0);
}
static atomic_int bad_errors;
static atomic_int going = 1;
static void* receiver(void* socket) {
  while (going) {
    char byte;
    if (get(*(int*)socket, &byte, 1, 0) >= 0) continue;
    if (errno != EINTR && errno != EAGAIN) {
      fprintf(stderr, "actor: errno %d\n", errno);
      ++bad_errors;
    }
  }
  return NULL;
}
// Threads that wait, each on a socket of its own, and signals for the process and for threads of it: a program must
// never see the kernel's own numbers.
static void storm(int count) {
  int ends[4][2];
  pthread_t threads[4];
  handle(SIGUSR1, SA_RESTART);
  handle(SIGUSR2, 0);
  for (int i = 0; i != 4; ++i) {
    pair(SOCK_SEQPACKET, ends[i]);
    NEED(pthread_create(&threads[i], NULL, receiver, &ends[i][1]) == 0);
  }
  const struct timespec moment = {0, 3000000};
  for (int i = 0; i != count; ++i) {
    if (i % 3 == 0) kill(getpid(), i % 2 != 0 ? SIGUSR1 : SIGUSR2);
    if (i % 3 == 1) pthread_kill(threads[i % 4], i % 2 != 0 ? SIGUSR1 : SIGUSR2);
    if (i % 3 == 2) NEED(put(ends[i % 4][0], "x", 1, 0, 0, 0) == 1);
    nanosleep(&moment, NULL);
  }
  going = 0;
  for (int i = 0; i != 4; ++i) {
    NEED(put(ends[i][0], "x", 1, 0, 0, 0) == 1);
    pthread_join(threads[i], NULL);
  }
  printf("%s\n", bad_errors == 0 ? "no number of the kernel's own" : "an errno that no program knows");
}

// Numbered messages, received under an alarm at 1 kHz: none is lost, none comes twice.
static void alarmed(int count) {
  int ends[2];
  pair(SOCK_SEQPACKET, ends);
  const pid_t child = fork();
  NEED(child >= 0);
  if (child == 0) {
    for (int i = 0; i != count; ++i) NEED(put(ends[0], &i, sizeof i, 0, 0, 0) == sizeof i);
    _exit(0);
  }
  close(ends[0]);
  handle(SIGALRM, count % 2 != 0 ? SA_RESTART : 0);
  const struct itimerval often = {{0, 1000}, {0, 1000}};
  NEED(setitimer(ITIMER_REAL, &often, NULL) == 0);
  int next = 0;
  for (;;) {
    int number = -1;
    const ssize_t got = get(ends[1], &number, sizeof number, 0);
    if (got < 0) {
      NEED(errno == EINTR);
      continue;
    }
    if (got == 0) break;
    NEED(number == next);
    ++next;
  }
  printf("%d messages, %s\n", next, handled > 0 ? "alarmed" : "never alarmed");
}

// Stops, is continued, and still receives; with `threads`, in one that is not the first, which does something else.
static void* receive_it(void* socket) {
  char byte = 0;
  return get(*(int*)socket, &byte, 1, 0) == 1 ? socket : NULL;
}
static void stopped(int threads) {
  int ends[2];
  pair(SOCK_SEQPACKET, ends);
  const pid_t child = fork();
  NEED(child >= 0);
  if (child == 0) {
    pthread_t thread;
    void* got = NULL;
    if (threads == 0) _exit(receive_it(&ends[1]) != NULL ? 0 : 1);
    NEED(pthread_create(&thread, NULL, receive_it, &ends[1]) == 0 && pthread_join(thread, &got) == 0);
    _exit(got != NULL ? 0 : 1);
  }
  const struct timespec moment = {0, 50000000};
  nanosleep(&moment, NULL);
  int status = 0;
  NEED(kill(child, SIGSTOP) == 0);
  NEED(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
  NEED(kill(child, SIGCONT) == 0);
  NEED(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
  NEED(put(ends[0], "x", 1, 0, 0, 0) == 1);
  NEED(waitpid(child, &status, 0) == child);
  printf("stopped, continued, ended with %d\n", WEXITSTATUS(status));
}

// --- who waits
// So many threads that wait at once; all are served.
static void* wait_once(void* socket) {
  char byte = 0;
  return get(*(int*)socket, &byte, 1, 0) == 1 ? NULL : socket;
}
static void many(int count) {
  int(*ends)[2] = malloc(sizeof(int[2]) * (size_t)count);
  pthread_t* threads = malloc(sizeof(pthread_t) * (size_t)count);
  pthread_attr_t small;
  NEED(ends != NULL && threads != NULL && pthread_attr_init(&small) == 0);
  NEED(pthread_attr_setstacksize(&small, 65536) == 0);
  for (int i = 0; i != count; ++i) {
    pair(SOCK_STREAM, ends[i]);
    NEED(pthread_create(&threads[i], &small, wait_once, &ends[i][1]) == 0);
  }
  const struct timespec moment = {0, 200000000};
  nanosleep(&moment, NULL);
  int bad = 0;
  for (int i = 0; i != count; ++i) NEED(write(ends[i][0], "x", 1) == 1);
  for (int i = 0; i != count; ++i) {
    void* failed = NULL;
    pthread_join(threads[i], &failed);
    bad += failed != NULL;
  }
  printf("%d waited, %d failed\n", count, bad);
}

// The status flags of a socket, through a descriptor of another number, around and during a call that waits.
static void flags(void) {
  int ends[2];
  pair(SOCK_STREAM, ends);
  const int other = dup(ends[1]);
  const int before = fcntl(other, F_GETFL);
  pthread_t thread;
  NEED(pthread_create(&thread, NULL, wait_once, &ends[1]) == 0);
  int changed = 0;
  const struct timespec moment = {0, 1000000};
  for (int i = 0; i != 50; ++i) {
    changed += fcntl(other, F_GETFL) != before;
    nanosleep(&moment, NULL);
  }
  NEED(write(ends[0], "x", 1) == 1);
  pthread_join(thread, NULL);
  changed += fcntl(other, F_GETFL) != before;
  NEED(put(ends[0], "x", 1, 0, 0, 0) == 1);
  changed += fcntl(ends[0], F_GETFL) != before;
  printf("%d changes\n", changed);
}

// A child that waits in a receive is killed: its socket's peer sees the end.
static void killed(int after) {
  int ends[2];
  pair(SOCK_STREAM, ends);
  const pid_t child = fork();
  NEED(child >= 0);
  if (child == 0) {
    close(ends[0]);
    char byte;
    for (;;) {
      (void)get(ends[1], &byte, 1, 0);
      (void)put(ends[1], "y", 1, 1, 2, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  }
  close(ends[1]);
  const struct timespec moment = {0, after * 10000};
  for (int i = 0; i != 5; ++i) (void)put(ends[0], "x", 1, 0, 3, MSG_NOSIGNAL | MSG_DONTWAIT);
  nanosleep(&moment, NULL);
  NEED(kill(child, SIGKILL) == 0);
  NEED(waitpid(child, NULL, 0) == child);
  // All that it sent, and then the end of file: nobody else has its socket.
  struct pollfd set = {ends[0], POLLIN, 0};
  for (;;) {
    NEED(poll(&set, 1, 5000) == 1);
    char room[64];
    const ssize_t got = read(ends[0], room, sizeof room);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) break;
    NEED(got > 0);
  }
}

// --- memory that changes while it is read
static struct {
  struct msghdr message;
  struct iovec buffer;
  int sockets[2];
  char control[CMSG_SPACE(sizeof(int))];
  int good, bad;
} shifting;
static char payload_good[] = "allow", payload_bad[] = "DENY!";
static void* shift(void* which) {
  struct cmsghdr* header = (struct cmsghdr*)shifting.control;
  for (unsigned i = 0; going; ++i) {
    switch (which != NULL ? i % 5 : 5 + i % 3) {
      case 0:
        __atomic_store_n(&shifting.buffer.iov_base, i & 8 ? payload_bad : payload_good, __ATOMIC_RELAXED);
        break;
      case 1:
        *(volatile int*)CMSG_DATA(header) = i & 8 ? shifting.bad : shifting.good;
        break;
      case 2:
        __atomic_store_n(&shifting.message.msg_controllen, i & 8 ? sizeof shifting.control : 0, __ATOMIC_RELAXED);
        break;
      case 3:
        *(volatile int*)&header->cmsg_level = i & 8 ? SOL_SOCKET : 99;
        break;
      case 4:
        __atomic_store_n(&shifting.message.msg_iov, i & 8 ? &shifting.buffer : NULL, __ATOMIC_RELAXED);
        break;
      case 5:
        payload_good[0] = i & 8 ? 'D' : 'a';
        break;
      case 6:
        (void)dup2(i & 8 ? shifting.bad : shifting.good, 200);
        break;
      default:
        (void)dup2(shifting.sockets[0], 201);
    }
  }
  return NULL;
}
// Whoever judges denies payloads that begin with D, and a descriptor of /dev/null: neither may arrive.
static void races(int seconds) {
  pair(SOCK_SEQPACKET, shifting.sockets);
  shifting.good = open("/dev/zero", O_RDONLY);
  shifting.bad = open("/dev/null", O_RDONLY);
  NEED(shifting.good >= 0 && shifting.bad >= 0);
  NEED(dup2(shifting.good, 200) == 200 && dup2(shifting.sockets[0], 201) == 201);
  shifting.buffer = (struct iovec){payload_good, 5};
  shifting.message = (struct msghdr){.msg_iov = &shifting.buffer,
                                     .msg_iovlen = 1,
                                     .msg_control = shifting.control,
                                     .msg_controllen = sizeof shifting.control};
  struct cmsghdr* header = (struct cmsghdr*)shifting.control;
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  const pid_t child = fork();
  NEED(child >= 0);
  if (child == 0) {
    close(shifting.sockets[0]);
    close(201);
    char bytes[8];
    unsigned long arrived = 0;
    ssize_t got;
    while ((got = get(shifting.sockets[1], bytes, sizeof bytes, 0)) > 0) {
      ++arrived;
      if (bytes[0] == 'D') _exit(2);
      for (int i = 0; i != got_count; ++i) {
        char path[64], link[64] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", got_fds[i]);
        NEED(readlink(path, link, sizeof link - 1) > 0);
        close(got_fds[i]);
        if (strcmp(link, "/dev/null") == 0) _exit(3);
      }
    }
    printf("%s\n", arrived > 0 ? "some arrived" : "none arrived");
    fflush(stdout);
    _exit(got == 0 ? 0 : 4);
  }
  close(shifting.sockets[1]);
  pthread_t threads[2];
  NEED(pthread_create(&threads[0], NULL, shift, NULL) == 0);
  NEED(pthread_create(&threads[1], NULL, shift, &going) == 0);
  const time_t end = time(NULL) + seconds;
  unsigned long calls = 0;
  while (time(NULL) < end) {
    for (int i = 0; i != 50; ++i, ++calls) (void)sendmsg(201, &shifting.message, MSG_NOSIGNAL);
  }
  going = 0;
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  close(201);
  close(shifting.sockets[0]);
  int status = 0;
  NEED(waitpid(child, &status, 0) == child);
  fprintf(stderr, "actor: %lu calls\n", calls);
  printf("receiver ended with %d\n", status);
}

// --- the end of a supervisor
static void unanswered(void) {
  int ends[2];
  char byte;
  pair(SOCK_STREAM, ends);
  NEED(put(ends[0], "x", 1, 0, 0, 0) == 1);
  NEED(get(ends[1], &byte, 1, 0) == 1);
  printf("waits\n");
  fflush(stdout);
  const ssize_t got = get(ends[1], &byte, 1, 0);
  printf("%zd, errno %d\n", got, got < 0 ? errno : 0);
  fflush(stdout);
  NEED(put(ends[0], "x", 1, 0, 0, 0) < 0);
  _exit(7);
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  const int number = argc > 2 ? atoi(argv[2]) : 0;
  if (strcmp(what, "pass") == 0) pass(number == 1 ? SOCK_STREAM : number == 2 ? SOCK_DGRAM : SOCK_SEQPACKET);
  if (strcmp(what, "numbers") == 0) numbers();
  if (strcmp(what, "whose") == 0) whose();
  if (strcmp(what, "storm") == 0) storm(number);
  if (strcmp(what, "alarmed") == 0) alarmed(number);
  if (strcmp(what, "stopped") == 0) stopped(number);
  if (strcmp(what, "many") == 0) many(number);
  if (strcmp(what, "flags") == 0) flags();
  if (strcmp(what, "killed") == 0) {
    for (int i = 0; i != number; ++i) killed(i);
    printf("%d killed\n", number);
  }
  if (strcmp(what, "races") == 0) races(number);
  if (strcmp(what, "unanswered") == 0) unanswered();
  return 0;
}
