// Programs to be traced, each a verb; plain C, so that a 32-bit one needs nothing but its C library. The exit status is
// 0 when all was as it is without a tracer.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEED(what)                                          \
  do {                                                      \
    if (!(what)) exit(__LINE__ & 127 ? __LINE__ & 127 : 1); \
  } while (0)

struct message {
  struct msghdr header;
  struct iovec buffer;
  char control[CMSG_SPACE(16 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

static struct msghdr* with(struct message* one, const char* text, const int* fds, int count) {
  memset(one, 0, sizeof *one);
  one->buffer.iov_base = (void*)text;
  one->buffer.iov_len = strlen(text);
  one->header.msg_iov = &one->buffer;
  one->header.msg_iovlen = 1;
  if (count == 0) return &one->header;
  one->header.msg_control = one->control;
  one->header.msg_controllen = CMSG_SPACE(sizeof(int) * (unsigned)count);
  struct cmsghdr* rights = CMSG_FIRSTHDR(&one->header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * (unsigned)count);
  memcpy(CMSG_DATA(rights), fds, sizeof(int) * (unsigned)count);
  return &one->header;
}
static char inbox[64];
// Room for `count` descriptors.
static struct msghdr* room(struct message* one, int count) {
  memset(one, 0, sizeof *one);
  one->buffer.iov_base = inbox;
  one->buffer.iov_len = sizeof inbox;
  one->header.msg_iov = &one->buffer;
  one->header.msg_iovlen = 1;
  one->header.msg_control = one->control;
  one->header.msg_controllen = count == 0 ? 0 : CMSG_LEN(sizeof(int) * (unsigned)count);
  return &one->header;
}
static int file(const char* name) {
  const int made = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  NEED(made >= 0);
  return made;
}
static void ended_well(pid_t child) {
  int status = -1;
  NEED(waitpid(child, &status, 0) == child && status == 0);
}

// A parent sends two files to its child, which has room for both, then for one.
static void pass(int type) {
  int ends[2];
  struct message one;
  NEED(socketpair(AF_UNIX, type, 0, ends) == 0);
  const int files[] = {file("first"), file("second")};
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    close(files[0]);  // a number that differs
    NEED(recvmsg(ends[1], room(&one, 2), MSG_CMSG_CLOEXEC) == 4);
    NEED(recvmsg(ends[1], room(&one, 1), 0) == 4 && (one.header.msg_flags & MSG_CTRUNC));
    NEED(recvmsg(ends[1], room(&one, 1), 0) == 0);  // end of file: nobody holds the other end any more
    _exit(0);
  }
  close(ends[1]);
  NEED(sendmsg(ends[0], with(&one, "both", files, 2), MSG_NOSIGNAL) == 4);
  const int turned[] = {files[1], files[0]};
  NEED(sendmsg(ends[0], with(&one, "half", turned, 2), 0) == 4);
  close(ends[0]);
  ended_well(child);
}
// Two messages at once, both ways.
static void batch(void) {
  int ends[2];
  struct message store[2];
  struct mmsghdr both[2] = {0};
  NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
  const int files[] = {file("first"), file("second")};
  both[0].msg_hdr = *with(&store[0], "one", &files[0], 1);
  both[1].msg_hdr = *with(&store[1], "three", &files[1], 1);
  NEED(sendmmsg(ends[0], both, 2, 0) == 2 && both[1].msg_len == 5);
  both[0].msg_hdr = *room(&store[0], 1);
  both[1].msg_hdr = *room(&store[1], 1);
  NEED(recvmmsg(ends[1], both, 2, MSG_DONTWAIT, NULL) == 2 && both[0].msg_len == 3);
}
// A file that is read past, one that stays in the queue, and one that is sent nowhere.
static void drop(void) {
  int ends[2];
  struct message one;
  char byte[8];
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const int read_past = file("read past"), comes = file("comes"), stays = file("stays");
  NEED(sendmsg(ends[0], with(&one, "1", &read_past, 1), 0) == 1);
  NEED(read(ends[1], byte, 1) == 1);
  NEED(sendmsg(ends[0], with(&one, "2", &comes, 1), 0) == 1);
  NEED(recvmsg(ends[1], room(&one, 1), 0) == 1);
  NEED(sendmsg(ends[0], with(&one, "3", &stays, 1), 0) == 1);
  close(ends[1]);
  const int nothing = 99;
  NEED(sendmsg(ends[0], with(&one, "4", &nothing, 1), MSG_NOSIGNAL) == -1 && errno == EBADF);
}
// Numbers that become another socket's, between two messages.
static void renumbered(void) {
  int one_pair[2], other_pair[2];
  struct message one;
  NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, one_pair) == 0);
  NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other_pair) == 0);
  const int out = one_pair[0], in = one_pair[1];
  for (int i = 0; i != 4; ++i) {
    if (i == 2) NEED(dup2(other_pair[0], out) == out && dup2(other_pair[1], in) == in);
    const int given = file("renumbered");
    NEED(sendmsg(out, with(&one, "x", &given, 1), 0) == 1);
    NEED(recvmsg(in, room(&one, 1), 0) == 1);
    close(given);
  }
}
// One socket, passed twice: the second time it has another flag.
static void same_again(void) {
  int ends[2];
  struct message one;
  NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
  for (int i = 0; i != 2; ++i) {
    NEED(sendmsg(ends[0], with(&one, "x", &ends[1], 1), 0) == 1);
    NEED(recvmsg(ends[1], room(&one, 1), 0) == 1);
    NEED(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  }
}
// Sent before it is accepted, by a process that has gone when it is received.
static void accepted_late(void) {
  struct sockaddr_un at = {AF_UNIX, ""};
  snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "talk-%d", (int)getpid());
  const socklen_t size = (socklen_t)(sizeof at.sun_family + 1 + strlen(at.sun_path + 1));
  struct message one;
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  NEED(bind(listener, (struct sockaddr*)&at, size) == 0 && listen(listener, 3) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const int out = socket(AF_UNIX, SOCK_STREAM, 0), given = file("early");
    NEED(connect(out, (struct sockaddr*)&at, size) == 0);
    NEED(sendmsg(out, with(&one, "early", &given, 1), 0) == 5);
    _exit(0);
  }
  ended_well(child);
  const int in = accept(listener, NULL, NULL);
  NEED(in >= 0 && recvmsg(in, room(&one, 1), 0) == 5);
}
// To an address, without a connection.
static void addressed(void) {
  struct sockaddr_un at = {AF_UNIX, ""};
  snprintf(at.sun_path, sizeof at.sun_path, "/tmp/talk-%d", (int)getpid());
  struct message one;
  const int in = socket(AF_UNIX, SOCK_DGRAM, 0), out = socket(AF_UNIX, SOCK_DGRAM, 0), given = file("addressed");
  NEED(bind(in, (struct sockaddr*)&at, sizeof at) == 0);
  with(&one, "there", &given, 1);
  one.header.msg_name = &at;
  one.header.msg_namelen = sizeof at;
  NEED(sendmsg(out, &one.header, 0) == 5);
  NEED(unlink(at.sun_path) == 0);
  NEED(recvmsg(in, room(&one, 1), 0) == 5);
}
static volatile sig_atomic_t value;
static void note(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)context;
  value = info->si_value.sival_int;
}
// What comes with a signal arrives, and a call that it interrupts says so.
static void signalled(void) {
  int ends[2];
  struct message one;
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = note;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &action, NULL);
  const pid_t parent = getpid(), child = fork();
  if (child == 0) {
    const union sigval sent = {.sival_int = 4711};
    for (;;) {  // the first may come before the call
      usleep(50000);
      NEED(sigqueue(parent, SIGUSR1, sent) == 0);
    }
  }
  NEED(recvmsg(ends[0], room(&one, 1), 0) == -1 && errno == EINTR && value == 4711);
  kill(child, SIGKILL);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
  close(ends[1]);
  struct sigaction before;
  NEED(sigaction(SIGPIPE, NULL, &before) == 0 && before.sa_handler == SIG_DFL);
}
// A stopped child is reported as stopped, stays so, and goes on when it is told to.
static void stopped(void) {
  int status = 0, ends[2], running[2];
  char byte = 'x';
  NEED(pipe(ends) == 0 && pipe(running) == 0);
  const pid_t child = fork();
  if (child == 0) {
    raise(SIGSTOP);
    NEED(write(running[1], &byte, 1) == 1);
    NEED(read(ends[0], &byte, 1) == 1);  // until it was seen to continue
    _exit(5);
  }
  NEED(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  struct pollfd runs = {running[0], POLLIN, 0};
  NEED(poll(&runs, 1, 100) == 0);
  NEED(waitpid(child, &status, WNOHANG) == 0);
  NEED(kill(child, SIGCONT) == 0);
  NEED(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
  NEED(write(ends[1], &byte, 1) == 1);
  NEED(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 5);
}
static int shared[2];
static void* receive_one(void* unused) {
  struct message one;
  NEED(recvmsg(shared[1], room(&one, 1), 0) == 4);
  return unused;
}
static volatile pid_t waiting;
static void* wait_for_ever(void* unused) {
  struct message one;
  waiting = gettid();
  (void)recvmsg(shared[1], room(&one, 1), 0);
  return unused;
}
static void* become_true(void* unused) {
  for (int asleep = 0; asleep < 5;) {  // in its call, for all that can be seen
    char path[64], state = 0;
    usleep(20000);
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)waiting);
    FILE* const stat = fopen(path, "r");
    asleep = stat && fscanf(stat, "%*d (%*[^)]) %c", &state) == 1 && state == 'S' ? asleep + 1 : 0;
    if (stat) fclose(stat);
  }
  execl("/bin/true", "true", (char*)NULL);
  return unused;
}
// Threads of one process; then one of them executes a program, while another waits.
static void threads(void) {
  pthread_t thread;
  struct message one;
  NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, shared) == 0);
  NEED(pthread_create(&thread, NULL, receive_one, NULL) == 0);
  const int given = file("shared");
  NEED(sendmsg(shared[0], with(&one, "mine", &given, 1), 0) == 4);
  pthread_join(thread, NULL);
  NEED(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
  NEED(pthread_create(&thread, NULL, become_true, NULL) == 0);
  pause();
}
// Other control data: credentials that are sent, and such as the kernel adds.
static void who(void) {
  int ends[2];
  struct message one;
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const int on = 1;
  NEED(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
  const int given = file("with credentials");
  NEED(sendmsg(ends[0], with(&one, "me", &given, 1), 0) == 2);
  room(&one, 1);
  one.header.msg_controllen = sizeof one.control;
  NEED(recvmsg(ends[1], &one.header, 0) == 2);
}
// Two messages that look the same are on their way together.
static void twice(void) {
  int ends[2];
  struct message one;
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const int given = file("same");
  NEED(sendmsg(ends[0], with(&one, "s", &given, 1), 0) == 1 && sendmsg(ends[0], with(&one, "s", &given, 1), 0) == 1);
  NEED(recvmsg(ends[1], room(&one, 1), MSG_PEEK) == 1);
  NEED(recvmsg(ends[1], room(&one, 1), 0) == 1 && recvmsg(ends[1], room(&one, 1), 0) == 1);
}
// Names and bytes that are meant for a terminal.
static void odd_names(void) {
  int ends[2];
  struct message one;
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const int given = file("\033[31m\n");
  NEED(sendmsg(ends[0], with(&one, "\033]0;x\007", &given, 1), 0) == 6);
}
// Headers that the kernel refuses.
static void nonsense(void) {
  int ends[2];
  struct message one;
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  NEED(sendmsg(ends[0], (struct msghdr*)8, 0) == -1 && errno == EFAULT);
  NEED(sendmsg(-1, with(&one, "x", NULL, 0), 0) == -1 && errno == EBADF);
  NEED(sendmsg(file("no socket"), with(&one, "x", NULL, 0), 0) == -1 && errno == ENOTSOCK);
  with(&one, "x", NULL, 0);
  one.header.msg_iovlen = 5000;
  NEED(sendmsg(ends[0], &one.header, 0) == -1 && errno == EMSGSIZE);
  const int given = file("x");
  with(&one, "x", &given, 1);
  ((struct cmsghdr*)one.control)->cmsg_len = 3;
  NEED(sendmsg(ends[0], &one.header, 0) == -1 && errno == EINVAL);
  NEED(recvmsg(ends[0], (struct msghdr*)8, MSG_DONTWAIT) == -1 && errno == EFAULT);
}

int main(int argc, char** argv) {
  const char* const verb = argc > 1 ? argv[1] : "";
  alarm(20);
  if (strcmp(verb, "stream") == 0)
    pass(SOCK_STREAM);
  else if (strcmp(verb, "seqpacket") == 0)
    pass(SOCK_SEQPACKET);
  else if (strcmp(verb, "batch") == 0)
    batch();
  else if (strcmp(verb, "drop") == 0)
    drop();
  else if (strcmp(verb, "renumbered") == 0)
    renumbered();
  else if (strcmp(verb, "same-again") == 0)
    same_again();
  else if (strcmp(verb, "accepted-late") == 0)
    accepted_late();
  else if (strcmp(verb, "addressed") == 0)
    addressed();
  else if (strcmp(verb, "signalled") == 0)
    signalled();
  else if (strcmp(verb, "stopped") == 0)
    stopped();
  else if (strcmp(verb, "threads") == 0)
    threads();
  else if (strcmp(verb, "who") == 0)
    who();
  else if (strcmp(verb, "twice") == 0)
    twice();
  else if (strcmp(verb, "odd-names") == 0)
    odd_names();
  else if (strcmp(verb, "nonsense") == 0)
    nonsense();
  else if (strcmp(verb, "killed") == 0)
    kill(getpid(), SIGKILL);
  else
    return 1;
  return 0;
}
