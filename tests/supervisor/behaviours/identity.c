/* Who a message is from: the process that sends it, by its own rights, in its own namespaces. */
#include "behaviours.h"

#include <grp.h>
#include <pthread.h>
#include <sys/prctl.h>

static void become(uid_t user) {
  NEED(setgroups(0, NULL));
  NEED(setresgid(user, user, user));
  NEED(setresuid(user, user, user));
}

static void show_unwanted_creds(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    FACT(send_text(pair.a, "before") == 6);
    RECEIVE("nobody asked", pair.b, .payload = 16, .control = 64);
    FACT(seen.items == 0);
    set(pair.b, SO_PASSCRED, 1);
    FACT(send_text(pair.a, "after") == 5);
    RECEIVE("asked before", pair.b, .payload = 16, .control = 64);
    FACT(seen.has_creds && seen.creds.pid == getpid() && seen.creds.uid == getuid());
    FACT(send_text(pair.a, "after") == 5);
    set(pair.b, SO_PASSCRED, 0);
    RECEIVE("no longer asked", pair.b, .payload = 16, .control = 64);
    FACT(seen.items == 0);
    /* What the sender asks for itself has its messages stamped, too. */
    set(pair.a, SO_PASSCRED, 1);
    FACT(send_text(pair.a, "own") == 3);
    set(pair.b, SO_PASSCRED, 1);
    RECEIVE("the sender had asked", pair.b, .payload = 16, .control = 64);
    FACT(seen.has_creds && seen.creds.pid == getpid());
    close_ends(pair);
  }
}

/* Whoever asks after it was sent gets nobody. */
static void show_asked_later(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    FACT(send_text(pair.a, "before") == 6);
    set(pair.b, SO_PASSCRED, 1);
    RECEIVE("asked after it was sent", pair.b, .payload = 16, .control = 64);
    FACT(seen.has_creds && seen.creds.pid == 0 && seen.creds.uid == nobody && seen.creds.gid == nobody);
    close_ends(pair);
  }
}

struct sending {
  int socket;
  uid_t user;
};

static void send_as(void* argument) {
  const struct sending* how = argument;
  if (how->user != 0) become(how->user);
  FACT(send_text(how->socket, "from a child") == 12);
}

static void send_with_other_ids(void* argument) {
  const int socket = *(int*)argument;
  NEED(setgroups(0, NULL));
  NEED(setresgid(1001, 1002, 1003)); /* real, effective, saved: real ones are told */
  NEED(setresuid(2001, 2002, 2003));
  FACT(send_text(socket, "implicit") == 8);
  static const struct {
    uid_t uid;
    gid_t gid;
    bool taken;
  } tries[] = {{2001, 1001, true}, {2002, 1002, true}, {2003, 1003, true}, {0, 1001, false}, {2001, 0, false}};
  for (size_t i = 0; i != COUNT(tries); ++i) {
    struct control control = {.size = 0};
    add_creds(&control, getpid(), tries[i].uid, tries[i].gid);
    const long sent = send_control(socket, "explicit", 8, &control, 0);
    FACT(tries[i].taken ? sent == 8 : sent == -1 && errno == EPERM);
  }
}

static void* send_from_thread(void* argument) {
  FACT(send_text(*(int*)argument, "thread") == 6);
  return NULL;
}

static void show_implicit_creds(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    struct ends pair = make_pair(types[type]);
    set(pair.b, SO_PASSCRED, 1);
    struct sending how = {.socket = pair.a, .user = 0};
    pid_t child = start(send_as, &how);
    RECEIVE("a child", pair.b, .payload = 32, .control = 64);
    FACT(seen.creds.pid == child && seen.creds.uid == 0 && seen.creds.gid == 0);
    FACT(finish(child) == 0);
    how.user = nobody;
    child = start(send_as, &how);
    RECEIVE("a child that is nobody", pair.b, .payload = 32, .control = 64);
    FACT(seen.creds.pid == child && seen.creds.uid == nobody && seen.creds.gid == nobody);
    FACT(finish(child) == 0);
    pthread_t thread;
    NEED(pthread_create(&thread, NULL, send_from_thread, &pair.a) == 0 ? 0 : -1);
    RECEIVE("a thread", pair.b, .payload = 32, .control = 64);
    FACT(seen.creds.pid == getpid());
    pthread_join(thread, NULL);
    close_ends(pair);
  }
  struct ends pair = make_pair(SOCK_SEQPACKET);
  set(pair.b, SO_PASSCRED, 1);
  const pid_t child = start(send_with_other_ids, &pair.a);
  RECEIVE("real ids", pair.b, .payload = 32, .control = 64);
  FACT(seen.creds.pid == child && seen.creds.uid == 2001 && seen.creds.gid == 1001);
  for (int i = 0; i != 3; ++i) RECEIVE("one of its ids", pair.b, .payload = 32, .control = 64);
  FACT(finish(child) == 0);
}

static void try_creds(const char* what, const struct ends* pair, pid_t pid, uid_t uid, int expected) {
  struct control control = {.size = 0};
  add_creds(&control, pid, uid, uid);
  const long sent = say_sent(what, send_control(pair->a, "x", 1, &control, 0));
  FACT(expected == 0 ? sent == 1 : sent == -1 && errno == expected);
  if (sent == 1) RECEIVE(what, pair->b, .payload = 32, .control = 64);
}

/* A number that no process has: of one that has been waited for. */
static void do_nothing(void* argument) { (void)argument; }
static pid_t number_of_nobody(void) {
  const pid_t gone = start(do_nothing, NULL);
  finish(gone);
  return gone;
}

static void try_as_nobody(void* argument) {
  const struct ends* pair = argument;
  const pid_t gone = number_of_nobody();
  become(nobody);
  try_creds("nobody: itself", pair, getpid(), nobody, 0);
  try_creds("nobody: its parent", pair, getppid(), nobody, EPERM);
  try_creds("nobody: a number of nobody", pair, gone, nobody, EPERM);
  try_creds("nobody: 0", pair, 0, nobody, EPERM);
  try_creds("nobody: root", pair, getpid(), 0, EPERM);
  try_creds("nobody: no user", pair, getpid(), (uid_t)-1, EINVAL);
}

static void show_explicit_creds(void) {
  struct ends pair = make_pair(SOCK_SEQPACKET);
  set(pair.b, SO_PASSCRED, 1);
  try_creds("itself", &pair, getpid(), 0, 0);
  try_creds("another user", &pair, getpid(), 1234, 0);
  try_creds("its parent", &pair, getppid(), 0, 0);
  try_creds("process 1", &pair, 1, 0, 0);
  FACT(seen.creds.pid == 1);
  try_creds("a number of nobody", &pair, number_of_nobody(), 0, ESRCH);
  try_creds("0", &pair, 0, 0, ESRCH);
  try_creds("-1", &pair, -1, 0, ESRCH);
  try_creds("no user", &pair, getpid(), (uid_t)-1, EINVAL);
  const struct ucred creds = {.pid = getpid(), .uid = 0, .gid = 0};
  for (size_t size = 0; size <= sizeof creds + 4; size += 4) {
    unsigned char data[sizeof creds + 4] = {0};
    memcpy(data, &creds, sizeof creds);
    struct control control = {.size = 0};
    add_item(&control, SOL_SOCKET, SCM_CREDENTIALS, data, size);
    char what[32];
    snprintf(what, sizeof what, "%zu bytes of them", size);
    const long sent = say_sent(what, send_control(pair.a, "x", 1, &control, 0));
    FACT(size == sizeof creds ? sent == 1 : sent == -1 && errno == EINVAL);
  }
  RECEIVE("whole", pair.b, .payload = 32, .control = 64);
  /* Of two the last holds; each is looked at. */
  struct control control = {.size = 0};
  add_creds(&control, 1, 5, 6);
  add_creds(&control, getpid(), 7, 8);
  say_sent("two", send_control(pair.a, "x", 1, &control, 0));
  RECEIVE("two", pair.b, .payload = 32, .control = 64);
  FACT(seen.creds.pid == getpid() && seen.creds.uid == 7 && seen.creds.gid == 8);
  const pid_t child = start(try_as_nobody, &pair);
  FACT(finish(child) == 0);
  RECEIVE("nothing of what was refused", pair.b, .payload = 32, .control = 64, .flags = MSG_DONTWAIT);
  FACT(seen.error == EAGAIN);
}

static void write_file(const char* path, const char* text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0 || write(file, text, strlen(text)) < 0) say("%s: %s", path, error_name(errno));
  close(file);
}

static void send_from_user_namespace(void* argument) {
  struct ends* pair = argument;
  become(3001);
  NEED(prctl(PR_SET_DUMPABLE, 1)); /* its own maps are its own files */
  NEED(unshare(CLONE_NEWUSER));
  struct control control = {.size = 0};
  add_creds(&control, getpid(), nobody, nobody);
  FACT(say_sent("unmapped, implicit", send_text(pair->a, "unmapped")) == 8);
  FACT(say_sent("unmapped, explicit", send_control(pair->a, "x", 1, &control, 0)) == -1 && errno == EINVAL);
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", "0 3001 1");
  write_file("/proc/self/gid_map", "0 3001 1");
  FACT(getuid() == 0);
  FACT(say_sent("root inside, implicit", send_text(pair->a, "inside")) == 6);
  control.size = 0;
  add_creds(&control, getpid(), 0, 0);
  FACT(say_sent("root inside, its own", send_control(pair->a, "explicit", 8, &control, 0)) == 8);
  control.size = 0;
  add_creds(&control, getpid(), 3001, 3001);
  FACT(say_sent("root inside, a user that it has not", send_control(pair->a, "x", 1, &control, 0)) == -1 &&
       errno == EINVAL);
  control.size = 0;
  add_creds(&control, 1, 0, 0);
  FACT(say_sent("root inside, another process", send_control(pair->a, "x", 1, &control, 0)) == -1 && errno == EPERM);
}

static void speak_from_pid_namespace(void* argument) {
  struct ends* pair = argument;
  FACT(getpid() == 1);
  set(pair->b, SO_PASSCRED, 1);
  FACT(send_text(pair->b, "from inside") == 11);
  struct control control = {.size = 0};
  add_creds(&control, 1, 0, 0);
  FACT(say_sent("its own number", send_control(pair->b, "explicit", 8, &control, 0)) == 8);
  control.size = 0;
  add_creds(&control, 4194303, 0, 0);
  FACT(say_sent("a number of outside", send_control(pair->b, "x", 1, &control, 0)) == -1 && errno == ESRCH);
  RECEIVE("of outside, seen inside", pair->b, .payload = 32, .control = 64);
  FACT(seen.has_creds && seen.creds.pid == 0 && seen.creds.uid == 0);
}

static void show_namespaces(void) {
  struct ends pair = make_pair(SOCK_SEQPACKET);
  set(pair.b, SO_PASSCRED, 1);
  pid_t child = start(send_from_user_namespace, &pair);
  FACT(finish(child) == 0);
  static const uid_t users[] = {3001, 3001, 3001};
  for (size_t i = 0; i != COUNT(users); ++i) {
    RECEIVE("from a user namespace", pair.b, .payload = 32, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.creds.pid == child && seen.creds.uid == users[i] && seen.creds.gid == users[i]);
  }
  close_ends(pair);

  pair = make_pair(SOCK_SEQPACKET);
  set(pair.a, SO_PASSCRED, 1);
  NEED(unshare(CLONE_NEWPID));
  FACT(send_text(pair.a, "for the inside") == 14);
  set(pair.b, SO_PASSCRED, 1);
  child = start(speak_from_pid_namespace, &pair);
  for (int i = 0; i != 2; ++i) {
    RECEIVE("from a process namespace", pair.a, .payload = 32, .control = 64);
    FACT(seen.creds.pid == child);
  }
  FACT(finish(child) == 0);
}

/* In one line, for who has no rights to do more. */
static void show_whose(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  set(pair.b, SO_PASSCRED, 1);
  FACT(send_text(pair.a, "x") == 1);
  struct ucred creds = {0};
  _Alignas(16) unsigned char room[CMSG_SPACE(sizeof creds)];
  char byte;
  struct iovec part = {.iov_base = &byte, .iov_len = 1};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  FACT(do_recvmsg(pair.b, &header, 0) == 1 && header.msg_controllen == sizeof room);
  memcpy(&creds, room + HEADER, sizeof creds);
  say("whose: %s %d %d", pid_name(creds.pid), (int)creds.uid, (int)creds.gid);
  FACT(creds.pid == getpid());
}

const struct behaviour identity[] = {{"9", show_unwanted_creds},
                                     {"10", show_implicit_creds},
                                     {"11", show_explicit_creds},
                                     {"12", show_namespaces},
                                     {"asked later", show_asked_later},
                                     {"whose", show_whose},
                                     {NULL, NULL}};
