/* What may be sent, and the order in which the kernel finds fault with it. */
#include "behaviours.h"

#include <grp.h>
#include <poll.h>

static void expect_nothing(int socket) {
  RECEIVE("nothing came", socket, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
  FACT(seen.error == EAGAIN);
}

static void show_bad_descriptors(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  const int file = make_file("file");
  const int bad[] = {-1, AT_FDCWD, 999, INT32_MIN, INT32_MAX};
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    for (size_t i = 0; i != COUNT(bad); ++i) {
      const int lists[][3] = {{bad[i], file, file}, {file, bad[i], file}, {file, file, bad[i]}};
      for (size_t list = 0; list != COUNT(lists); ++list) {
        FACT(say_sent("with a bad one", send_fds(pair.a, "x", lists[list], 3)) == -1 && errno == EBADF);
      }
      struct control control = {.size = 0};
      add_rights(&control, &file, 1);
      add_rights(&control, &bad[i], 1);
      FACT(say_sent("in a second item", send_control(pair.a, "x", 1, &control, 0)) == -1 && errno == EBADF);
      /* Nor is an empty one of a stream, which is not sent at all. */
      FACT(say_sent("without data", send_fds(pair.a, "", &bad[i], 1)) == -1 && errno == EBADF);
    }
    expect_nothing(pair.b);
    close_ends(pair);
  }
}

static void show_malformed(void) {
  const bool narrow = sizeof(long) == 4;
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int file = make_file("file");
  const size_t lengths[] = {0, 1, HEADER - 1, CMSG_LEN(4) + 1, CMSG_LEN(4) + 4, 0x7fffffff, 0x80000000U, SIZE_MAX};
  for (size_t i = 0; i != COUNT(lengths); ++i) {
    for (int level = 0; level != 2; ++level) {
      struct control control = {.size = 0};
      add_item(&control, level == 0 ? SOL_SOCKET : 77, SCM_RIGHTS, &file, sizeof file);
      memcpy(control.bytes, &lengths[i], sizeof lengths[i]);
      FACT(say_sent("a length", send_control(pair.a, "x", 1, &control, 0)) == -1 && errno == EINVAL);
      control.size = 0;
      add_rights(&control, &file, 1);
      add_item(&control, level == 0 ? SOL_SOCKET : 77, SCM_RIGHTS, &file, sizeof file);
      memcpy(control.bytes + CMSG_SPACE(sizeof file), &lengths[i], sizeof lengths[i]);
      FACT(say_sent("a second length", send_control(pair.a, "x", 1, &control, 0)) == -1 && errno == EINVAL);
    }
  }
  static const int kinds_of_item[] = {0, 3, scm_pidfd, 5, SO_TIMESTAMP, 61, so_inq, -1};
  for (size_t i = 0; i != COUNT(kinds_of_item); ++i) {
    struct control control = {.size = 0};
    add_item(&control, SOL_SOCKET, kinds_of_item[i], &file, sizeof file);
    FACT(say_sent("a type", send_control(pair.a, "x", 1, &control, 0)) == -1 && errno == EINVAL);
  }
  expect_nothing(pair.b);
  /* Those of another level are nobody's business. */
  struct control other = {.size = 0};
  add_item(&other, 77, SCM_RIGHTS, &file, sizeof file);
  add_item(&other, -1, 12, &file, 1);
  FACT(say_sent("another level", send_control(pair.a, "x", 1, &other, 0)) == 1);
  RECEIVE("another level", pair.b, .payload = 16, .control = 64);
  FACT(seen.items == 0 && seen.flags == 0);
  /* The first fault is told, but where i386 looks at all lengths first. */
  struct control two = {.size = 0};
  const int bad = -1;
  add_rights(&two, &bad, 1);
  add_item(&two, SOL_SOCKET, SCM_RIGHTS, &file, sizeof file);
  memset(two.bytes + CMSG_SPACE(sizeof file), 0, sizeof(size_t));
  FACT(say_sent("bad, then malformed", send_control(pair.a, "x", 1, &two, 0)) == -1 &&
       errno == (narrow ? EINVAL : EBADF));
  /* Control data that cannot be read. */
  unsigned char* const edge = pages(2, 1) + PAGE;
  struct iovec part = {.iov_base = (char*)(uintptr_t)"x", .iov_len = 1};
  const struct {
    const char* what;
    void* control;
    size_t size;
  } places[] = {{"nowhere", NOWHERE, 64},
                {"null", NULL, 64},
                {"half", edge - HEADER, CMSG_SPACE(4)},
                {"null, small", NULL, 1},
                {"nowhere, small", NOWHERE, 1},
                {"too large", edge - 64, 0x80000000U},
                {"null, none", NULL, 0},
                {"nowhere, none", NOWHERE, 0},
                {"large", edge - 64, 200000},
                {"at the end", NULL, 0}};
  for (size_t i = 0; i != COUNT(places); ++i) {
    memset(edge - HEADER, 0, HEADER);
    const struct cmsghdr item = {.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(edge - HEADER, &item, HEADER);
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = places[i].control,
                            .msg_controllen = (unsigned)places[i].size};
    const long sent = say_sent(places[i].what, do_sendmsg(pair.a, &header, 0));
    if (places[i].size == 0) FACT(sent == 1);
    if (strcmp(places[i].what, "nowhere") == 0) FACT(sent == -1 && errno == EFAULT);
    if (strcmp(places[i].what, "half") == 0) FACT(sent == -1 && errno == EFAULT);
  }
}

static void show_concatenated(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int files[] = {make_file("one"), make_file("two"), make_file("three"), make_file("four")};
  struct control control = {.size = 0};
  add_rights(&control, files + 2, 2);
  add_rights(&control, files, 1);
  add_rights(&control, files, 0);
  add_creds(&control, getpid(), getuid(), getgid());
  add_rights(&control, files + 1, 1);
  FACT(say_sent("five items", send_control(pair.a, "x", 1, &control, 0)) == 1);
  RECEIVE("one item", pair.b, .payload = 16, .control = 128);
  FACT(seen.items == 1 && seen.count == 4 && seen.flags == 0);
  /* 253 is the most of all items together. */
  int many[254];
  for (size_t i = 0; i != COUNT(many); ++i) many[i] = files[i % 4];
  static const size_t counts[][2] = {{253, 0}, {200, 53}, {200, 54}, {254, 0}, {253, 1}};
  for (size_t i = 0; i != COUNT(counts); ++i) {
    control.size = 0;
    add_rights(&control, many, counts[i][0]);
    if (counts[i][1] != 0) add_rights(&control, many, counts[i][1]);
    const long sent = say_sent("many", send_control(pair.a, "x", 1, &control, 0));
    const bool fits = counts[i][0] + counts[i][1] <= 253;
    FACT(fits ? sent == 1 : sent == -1 && errno == EINVAL);
    drop();
    if (fits) RECEIVE("many", pair.b, .payload = 16, .control = 2048);
    FACT(!fits || (seen.count == 253 && seen.flags == 0));
  }
}

static void show_parts(void) {
  const struct ends pair = make_pair(SOCK_STREAM);
  static char byte[16];
  static struct iovec parts[1025];
  for (size_t i = 0; i != COUNT(parts); ++i) parts[i] = (struct iovec){.iov_base = byte, .iov_len = 1};
  static const size_t counts[] = {0, 1, 8, 9, 1023, 1024, 1025, SIZE_MAX, (size_t)1 << 31};
  for (size_t i = 0; i != COUNT(counts); ++i) {
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = counts[i]};
    const long sent = say_sent("parts", do_sendmsg(pair.a, &header, 0));
    FACT(counts[i] <= 1024 ? sent == (long)counts[i] : sent == -1 && errno == EMSGSIZE);
    if (sent > 0) FACT(read(pair.b, (char[2000]){0}, 2000) == sent);
    FACT(write(pair.a, "xyz", 3) == 3);
    const long got = say_sent("received into parts", do_recvmsg(pair.b, &header, MSG_DONTWAIT));
    FACT(counts[i] <= 1024 || (got == -1 && errno == EMSGSIZE));
    while (recv(pair.b, byte, sizeof byte, MSG_DONTWAIT) > 0) {
    }
  }
  /* Parts that are not there, and sizes that no part has. */
  unsigned char* const edge = pages(2, 1) + PAGE;
  const struct {
    const char* what;
    void* list;
    size_t count;
    struct iovec parts[2];
  } lists[] = {{"a list that is nowhere", NOWHERE, 1, {{0}}},
               {"no list", NULL, 1, {{0}}},
               {"a list half there", edge - sizeof(struct iovec), 2, {{0}}},
               {"a negative size", NULL, 2, {{byte, 1}, {byte, (size_t)-1}}},
               {"the most of sizes", NULL, 2, {{byte, 1}, {NOWHERE, SIZE_MAX / 2}}},
               {"part of it nowhere", NULL, 2, {{byte, 3}, {NOWHERE, 3}}},
               {"all nowhere", NULL, 1, {{NOWHERE, 3}}},
               {"nothing, nowhere", NULL, 2, {{NOWHERE, 0}, {byte, 2}}},
               {"to the end", NULL, 1, {{edge - 2, 2}}},
               {"beyond the end", NULL, 1, {{edge - 2, 3}}}};
  for (size_t i = 0; i != COUNT(lists); ++i) {
    struct msghdr header = {.msg_iov = lists[i].list, .msg_iovlen = lists[i].count};
    if (lists[i].parts[0].iov_base != NULL) header.msg_iov = (struct iovec*)(uintptr_t)lists[i].parts;
    memcpy(edge - sizeof(struct iovec), &(struct iovec){byte, 1}, sizeof(struct iovec));
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    for (size_t type = 0; type != COUNT(types); ++type) {
      const struct ends ends = make_pair(types[type]);
      const long sent = say_sent(lists[i].what, do_sendmsg(ends.a, &header, MSG_DONTWAIT));
      if (i < 3) FACT(sent == -1 && errno == EFAULT);
      if (i == 3) FACT(sent == -1 && errno == EINVAL);
      RECEIVE("what was sent", ends.b, .payload = 16, .flags = MSG_DONTWAIT);
      FACT(write(ends.a, "abcdef", 6) == 6);
      const long got = say_sent("received", do_recvmsg(ends.b, &header, MSG_DONTWAIT));
      if (i < 3) FACT(got == -1 && errno == EFAULT);
      RECEIVE("the rest", ends.b, .payload = 16, .flags = MSG_DONTWAIT);
      close_ends(ends);
    }
  }
}

static void show_precedence(void) {
  const struct ends pair = make_pair(SOCK_STREAM);
  const struct ends pipe = make_pipe();
  const int path = name_it((int)NEED(open("/", O_PATH | O_CLOEXEC)), "root");
  const int unconnected = make_socket(SOCK_STREAM), loose = make_socket(SOCK_SEQPACKET),
            dgram = make_socket(SOCK_DGRAM);
  const struct {
    const char* what;
    int number, error;
  } sockets[] = {{"a socket", pair.a, EFAULT},
                 {"a pipe", pipe.b, ENOTSOCK},
                 {"O_PATH", path, EBADF},
                 {"closed", 999, EBADF},
                 {"-1", -1, EBADF}};
  struct mmsghdr none = {.msg_len = 0};
  for (size_t i = 0; i != COUNT(sockets); ++i) {
    say("%s", sockets[i].what);
    const int number = sockets[i].number;
    FACT(say_sent("sendmsg", do_sendmsg(number, NOWHERE, 0)) == -1 && errno == sockets[i].error);
    FACT(say_sent("recvmsg", do_recvmsg(number, NOWHERE, 0)) == -1 && errno == sockets[i].error);
    FACT(say_sent("sendmmsg", do_sendmmsg(number, NOWHERE, 1, 0)) == -1 && errno == sockets[i].error);
    FACT(say_sent("recvmmsg", do_recvmmsg(number, NOWHERE, 1, 0, NULL)) == -1 && errno == sockets[i].error);
    say_sent("sendmmsg, none", do_sendmmsg(number, &none, 0, 0));
    say_sent("recvmmsg, none", do_recvmmsg(number, &none, 0, 0, NULL));
    say_sent("sendmsg, null", do_sendmsg(number, NULL, 0));
    say_sent("recvmsg, null", do_recvmsg(number, NULL, MSG_DONTWAIT));
    if (sizeof(long) == 8) {
      /* MSG_CMSG_COMPAT is not for 64-bit programs, whatever the descriptor is. */
      FACT(say_sent("compat", do_sendmsg(number, NOWHERE, (int)0x80000000U)) == -1 && errno == EINVAL);
      FACT(say_sent("compat", do_recvmsg(number, NOWHERE, (int)0x80000000U)) == -1 && errno == EINVAL);
      say_sent("compat", do_sendmmsg(number, NOWHERE, 1, (int)0x80000000U));
      say_sent("compat", do_recvmmsg(number, NOWHERE, 1, (int)0x80000000U, NULL));
    }
  }
  const int bad = -1, good = pipe.b;
  const int none_connected[] = {unconnected, loose, dgram};
  for (size_t i = 0; i != COUNT(none_connected); ++i) {
    say_sent("not connected, bad", send_fds(none_connected[i], "x", &bad, 1));
    FACT(errno == (i == 1 ? ENOTCONN : EBADF)); /* a seqpacket socket looks at its peer first */
    say_sent("not connected, good", send_fds(none_connected[i], "x", &good, 1));
    FACT(errno == ENOTCONN);
    RECEIVE("not connected", none_connected[i], .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
  }
  handle(SIGPIPE, 0);
  close(pair.b);
  FACT(say_sent("nobody there, bad", send_fds(pair.a, "x", &bad, 1)) == -1 && errno == EBADF);
  FACT(say_sent("nobody there, good", send_fds(pair.a, "x", &good, 1)) == -1 && errno == EPIPE);
  say("%d signals", shared->handled);
}

static void show_refused_rights(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  const int file = make_file("file"), bad = -1;
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    const int off = 0;
    FACT(send_fds(pair.a, "before", &file, 1) == 6);
    if (setsockopt(pair.b, SOL_SOCKET, so_passrights, &off, sizeof off) != 0) {
      say("the kernel has no SO_PASSRIGHTS");
      return;
    }
    FACT(say_sent("refused", send_fds(pair.a, "x", &file, 1)) == -1 && errno == EPERM);
    FACT(say_sent("refused, bad", send_fds(pair.a, "x", &bad, 1)) == -1 && errno == EBADF);
    FACT(say_sent("without", send_text(pair.a, "without")) == 7);
    FACT(say_sent("none", send_fds(pair.a, "none", &file, 0)) == 4);
    FACT(say_sent("of the one that refuses", send_fds(pair.b, "x", &file, 1)) == 1);
    RECEIVE("before", pair.b, .payload = 6, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.count == 1);
    RECEIVE("without", pair.b, .payload = 7, .control = 64, .flags = MSG_DONTWAIT);
    RECEIVE("none", pair.b, .payload = 4, .control = 64, .flags = MSG_DONTWAIT);
    FACT(memcmp(seen.payload, "none", 4) == 0);
    RECEIVE("the other way", pair.a, .payload = 4, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.count == 1);
    drop();
    close_ends(pair);
  }
}

/* As somebody whom nobody else is: what is in flight is counted by user. */
static void fill_as_a_user(void* argument) {
  (void)argument;
  const uid_t user = 100000 + (uid_t)getpid();
  const struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
  NEED(setgroups(0, NULL));
  NEED(setresgid(user, user, user));
  NEED(setresuid(user, user, user));
  NEED(setrlimit(RLIMIT_NOFILE, &limit));
  const struct ends pair = make_pair(SOCK_DGRAM);
  const int file = make_file("file");
  int sent = 0;
  while (sent != 100 && send_control(pair.a, "x", 1, NULL, MSG_DONTWAIT) == 1 && send_fds(pair.a, "x", &file, 1) == 1) {
    ++sent;
  }
  say("%d sent, then %s", sent, error_name(errno));
  FACT(sent == 65 && errno == ETOOMANYREFS);
  FACT(say_sent("without descriptors", send_text(pair.a, "x")) == 1);
  const int bad = -1;
  FACT(say_sent("bad", send_fds(pair.a, "x", &bad, 1)) == -1 && errno == EBADF);
  for (int i = 0; i != 2; ++i) RECEIVE("one is received", pair.b, .payload = 16, .control = 64);
  drop();
  FACT(say_sent("one more", send_fds(pair.a, "x", &file, 1)) == 1);
  FACT(say_sent("and one", send_fds(pair.a, "x", &file, 1)) == -1 && errno == ETOOMANYREFS);
}

static void show_in_flight(void) {
  const pid_t child = start(fill_as_a_user, NULL);
  FACT(finish(child) == 0);
}

static void show_most(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  const int file = make_file("file");
  int many[300];
  for (size_t i = 0; i != COUNT(many); ++i) many[i] = file;
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    static const size_t counts[] = {252, 253, 254, 255, 300};
    for (size_t i = 0; i != COUNT(counts); ++i) {
      many[0] = counts[i] > 253 ? -1 : file; /* the number is looked at first */
      const long sent = say_sent("many", send_fds(pair.a, "x", many, counts[i]));
      FACT(counts[i] <= 253 ? sent == 1 : sent == -1 && errno == EINVAL);
      if (sent == 1) RECEIVE("many", pair.b, .payload = 16, .control = CMSG_SPACE(253 * sizeof(int)));
      if (sent == 1) FACT(seen.count == counts[i] && seen.flags == 0);
      drop();
    }
    close_ends(pair);
  }
}

const struct behaviour rules[] = {{"13", show_bad_descriptors},
                                  {"14", show_malformed},
                                  {"22", show_concatenated},
                                  {"30", show_parts},
                                  {"31", show_precedence},
                                  {"40", show_refused_rights},
                                  {"42", show_most},
                                  {"in flight", show_in_flight},
                                  {NULL, NULL}};
