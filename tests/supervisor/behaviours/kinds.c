/* What the kernel adds to messages, every kind of open file, and programs of two layouts. */
#include "behaviours.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
static const char* const type_names[] = {"stream", "dgram", "seqpacket"};

static void show_records(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int file = make_file("file");
  struct control control = {.size = 0};
  add_rights(&control, &file, 1);
  static const int flags[] = {0, MSG_EOR};
  for (size_t i = 0; i != COUNT(flags); ++i) {
    FACT(say_sent("a record", send_control(pair.a, "abc", 3, &control, flags[i])) == 3);
    FACT(say_sent("an empty record", send_control(pair.a, "", 0, NULL, flags[i])) == 0);
    RECEIVE("a record", pair.b, .payload = 16, .control = 64);
    FACT(seen.returned == 3 && seen.flags == 0 && seen.count == 1);
    RECEIVE("an empty record", pair.b, .payload = 16, .control = 64);
    FACT(seen.returned == 0 && seen.flags == 0 && seen.control_size == 0);
  }
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends other = make_pair(types[type]);
    say_sent(type_names[type], send_control(other.a, "abc", 3, &control, MSG_EOR));
    RECEIVE(type_names[type], other.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
    /* The largest that fits, and one more. */
    static char large[300000];
    int size = 0;
    socklen_t length = sizeof size;
    NEED(getsockopt(other.a, SOL_SOCKET, SO_SNDBUF, &size, &length));
    if (types[type] == SOCK_STREAM) continue;
    FACT(say_sent("the largest", send_control(other.a, large, (size_t)size - 32, &control, MSG_DONTWAIT)) == size - 32);
    FACT(recv(other.b, large, sizeof large, MSG_DONTWAIT) == size - 32);
    FACT(say_sent("too large", send_control(other.a, large, (size_t)size - 31, &control, MSG_DONTWAIT)) == -1 &&
         errno == EMSGSIZE);
  }
}

static void show_added_items(void) {
  for (size_t type = 0; type != COUNT(types); ++type) {
    static const int options[] = {0, so_inq, so_passpidfd, SO_TIMESTAMP, SO_TIMESTAMPNS, SO_PASSSEC, SO_RXQ_OVFL};
    static const char* const option_names[] = {"none",        "inq",     "pidfd",   "timestamp",
                                               "timestampns", "passsec", "rxq_ovfl"};
    for (size_t i = 0; i != COUNT(options); ++i) {
      const struct ends pair = make_pair(types[type]);
      const int on = 1, file = make_file("file");
      if (options[i] != 0 && setsockopt(pair.b, SOL_SOCKET, options[i], &on, sizeof on) != 0) {
        say("%s, %s: %s", type_names[type], option_names[i], error_name(errno));
        close_ends(pair);
        continue;
      }
      say("%s, %s", type_names[type], option_names[i]);
      FACT(send_fds(pair.a, "abcdef", &file, 1) == 6);
      RECEIVE("peek", pair.b, .payload = 4, .control = 256, .flags = MSG_PEEK);
      RECEIVE("it", pair.b, .payload = 4, .control = 256);
      FACT(seen.count == 1);
      if (options[i] == so_passpidfd) {
        FACT(seen.pidfd >= 0 && fcntl(seen.pidfd, F_GETFD) == FD_CLOEXEC && seen.items == 2);
      }
      RECEIVE("the rest", pair.b, .payload = 16, .control = 256, .flags = MSG_DONTWAIT);
      drop();
      /* Each room; what does not fit is lost, and told. */
      set(pair.b, SO_PASSCRED, 1);
      for (size_t room = 0; room <= 104; room += 4) {
        FACT(send_fds(pair.a, "x", &file, 1) == 1);
        char what[32];
        snprintf(what, sizeof what, "room %zu", room);
        RECEIVE(what, pair.b, .payload = 16, .control = room);
        drop();
      }
      close_ends(pair);
      close(file);
    }
  }
  /* No number is free for a pidfd: its place has the error. */
  const struct ends pair = make_pair(SOCK_DGRAM);
  const int on = 1;
  if (setsockopt(pair.b, SOL_SOCKET, so_passpidfd, &on, sizeof on) != 0) return;
  const int file = make_file("file");
  const rlim_t used = (rlim_t)lowest_free();
  for (rlim_t free = 0; free != 3; ++free) {
    FACT(send_fds(pair.a, "x", &file, 1) == 1);
    FACT(send_text(pair.a, "x") == 1);
    struct rlimit limit;
    NEED(getrlimit(RLIMIT_NOFILE, &limit));
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = used + free;
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
    for (int i = 0; i != 2; ++i) {
      RECEIVE("few numbers", pair.b, .payload = 16, .control = 256);
      drop();
    }
    limit.rlim_cur = before;
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
  }
}

static void send_pidfd(void* argument) { FACT(send_text(*(int*)argument, "child") == 5); }

static void show_pidfds(void) {
  struct ends pair = make_pair(SOCK_STREAM);
  const int on = 1;
  if (setsockopt(pair.b, SOL_SOCKET, so_passpidfd, &on, sizeof on) != 0) return;
  set(pair.b, SO_PASSCRED, 1);
  const pid_t child = start(send_pidfd, &pair.a);
  RECEIVE("of a child", pair.b, .payload = 16, .control = 256);
  FACT(finish(child) == 0);
  FACT(seen.pidfd >= 0 && seen.creds.pid == child);
}

/* Every kind of open file gets through, and is what it was. */
static void show_kinds(void) {
  const struct ends pair = make_pair(SOCK_STREAM), pipe = make_pipe();
  const int all[] = {pipe.a,
                     pipe.b,
                     name_it((int)NEED(epoll_create1(EPOLL_CLOEXEC)), "epoll"),
                     (int)NEED(eventfd(3, EFD_CLOEXEC)),
                     name_it((int)NEED(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), "folder"),
                     name_it((int)NEED(open("/dev/null", O_WRONLY | O_APPEND | O_CLOEXEC)), "null"),
                     (int)NEED(syscall(SYS_pidfd_open, getpid(), 0)),
                     (int)NEED(open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC)),
                     make_socket(SOCK_DGRAM),
                     pair.a,
                     pair.b};
  FACT(send_fds(pair.a, "x", all, COUNT(all)) == 1);
  RECEIVE("all kinds", pair.b, .payload = 16, .control = 256);
  FACT(seen.count == COUNT(all));
  for (size_t i = 0; i != seen.count; ++i) {
    const int flags = fcntl(seen.descriptors[i], F_GETFL);
    FACT(flags == fcntl(all[i], F_GETFL));
    FACT(syscall(SYS_kcmp, getpid(), getpid(), 0 /* KCMP_FILE */, all[i], seen.descriptors[i]) == 0);
  }
}

/* --- two layouts -------------------------------------------------------------------------------------------------- */

int be_peer(int socket) {
  name_it(socket, "socket-b");
  const int file = make_file("of the peer");
  for (size_t room = 0; room <= 64; room += 4) {
    char what[64];
    snprintf(what, sizeof what, "  peer, room %zu", room);
    RECEIVE(what, socket, .payload = 16, .control = room, .flags = MSG_CMSG_CLOEXEC);
    drop();
  }
  for (int i = 0; i != 17; ++i) {
    const int two[] = {file, 0};
    FACT(send_fds(socket, "from the peer", two, 2) == 13);
  }
  fflush(NULL);
  return all_facts_held() ? 0 : 1;
}

static void start_peer(void* argument) {
  const char* const other = getenv("BEHAVIOURS_OTHER");
  char number[16];
  snprintf(number, sizeof number, "%d", dup(*(int*)argument));
  execl(other, other, "peer", "direct", number, (char*)NULL);
  NEED(-1);
}

static void show_two_layouts(void) {
  if (getenv("BEHAVIOURS_OTHER") == NULL) {
    say("no program of the other layout");
    return;
  }
  struct ends pair = make_pair(SOCK_SEQPACKET);
  set(pair.a, SO_PASSCRED, 1);
  set(pair.b, SO_PASSCRED, 1);
  const int file = make_file("file");
  const int three[] = {file, 0, 1};
  for (int i = 0; i != 17; ++i) FACT(send_fds(pair.a, "to the peer", three, 3) == 11);
  const pid_t child = start(start_peer, &pair.b);
  FACT(finish(child) == 0);
  for (size_t room = 0; room <= 64; room += 4) {
    char what[64];
    snprintf(what, sizeof what, "room %zu", room);
    RECEIVE(what, pair.a, .payload = 16, .control = room);
    FACT(seen.returned == 13 && (!seen.has_creds || seen.creds.pid == child));
    drop();
  }
}

const struct behaviour kinds[] = {{"28", show_records},  {"39", show_added_items},          {"pidfds", show_pidfds},
                                  {"kinds", show_kinds}, {"two layouts", show_two_layouts}, {NULL, NULL}};
