/* Files with names: what a descriptor is is told by device, inode and access, not by a number. */
#include "behaviours.h"

static struct {
  dev_t device;
  ino_t inode;
  int access;
  char name[24];
} known[512];
static size_t known_count;

int name_it(int descriptor, const char* name) {
  struct stat status;
  NEED(fstat(descriptor, &status));
  if (known_count == COUNT(known)) abort();
  known[known_count].device = status.st_dev;
  known[known_count].inode = status.st_ino;
  known[known_count].access = fcntl(descriptor, F_GETFL) & O_ACCMODE;
  snprintf(known[known_count].name, sizeof known[known_count].name, "%s", name);
  ++known_count;
  return descriptor;
}

int make_file(const char* name) {
  const int made = (int)NEED(syscall(SYS_memfd_create, name, 1U /* MFD_CLOEXEC */));
  NEED(write(made, name, strlen(name)));
  return name_it(made, name);
}

const char* name_of(int descriptor) {
  static char texts[8][32];
  static unsigned turn;
  struct stat status;
  if (fstat(descriptor, &status) != 0) return "closed";
  const int access = fcntl(descriptor, F_GETFL) & O_ACCMODE;
  /* The latest first: a number of an inode is used again. */
  for (size_t i = known_count; i-- != 0;) {
    if (known[i].device == status.st_dev && known[i].inode == status.st_ino && known[i].access == access) {
      return known[i].name;
    }
  }
  char* const text = texts[turn++ % COUNT(texts)];
  char path[64];
  char target[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  const ssize_t size = readlink(path, target, sizeof target - 1);
  target[size > 0 ? size : 0] = '\0';
  target[strcspn(target, ":[")] = '\0'; /* "socket:[123]", "anon_inode:[pidfd]" */
  snprintf(text, sizeof texts[0], "(%.24s)", target);
  return text;
}

struct ends make_pair(int type) {
  int two[2];
  NEED(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, two));
  name_it(two[0], "socket-a");
  name_it(two[1], "socket-b");
  return (struct ends){two[0], two[1]};
}

struct ends make_pipe(void) {
  int two[2];
  NEED(pipe2(two, O_CLOEXEC));
  name_it(two[0], "pipe-out");
  name_it(two[1], "pipe-in");
  return (struct ends){two[0], two[1]};
}

int make_socket(int type) { return name_it((int)NEED(socket(AF_UNIX, type | SOCK_CLOEXEC, 0)), "socket"); }

void set(int socket, int option, int value) { NEED(setsockopt(socket, SOL_SOCKET, option, &value, sizeof value)); }

void close_ends(struct ends pair) {
  close(pair.a);
  close(pair.b);
}
