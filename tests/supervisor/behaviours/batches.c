/* Arrays of messages: what stops them, what is told of it, and their descriptors. */
#include "behaviours.h"

enum { most = 1030 };
static struct mmsghdr array[most];
static struct iovec parts[most];
static unsigned char payloads[most][16];
static _Alignas(16) unsigned char rooms[64][CMSG_SPACE(8 * sizeof(int))];

/* An array to receive into: 16 bytes each, and the first 64 with `room` for control data. */
static void prepare(size_t room) {
  memset(payloads, 0xaa, sizeof payloads);
  memset(rooms, 0xaa, sizeof rooms);
  memset(array, 0, sizeof array);
  for (size_t i = 0; i != most; ++i) {
    parts[i] = (struct iovec){payloads[i], sizeof payloads[i]};
    array[i].msg_len = 77;
    array[i].msg_hdr.msg_iov = &parts[i];
    array[i].msg_hdr.msg_iovlen = 1;
    if (room != 0 && i < COUNT(rooms)) {
      array[i].msg_hdr.msg_control = rooms[i];
      array[i].msg_hdr.msg_controllen = room;
    }
  }
}

/* An array to send: "0", "1", …, without control data. */
static void prepare_texts(void) {
  prepare(0);
  for (size_t i = 0; i != most; ++i) {
    memset(payloads[i], 0, sizeof payloads[i]);
    snprintf((char*)payloads[i], sizeof payloads[i], "%zu", i);
    parts[i].iov_len = strlen((char*)payloads[i]);
  }
}

/* Says what a call on the array gave, and the first `shown` entries. */
static long say_array(const char* what, long returned, size_t shown) {
  const int error = errno;
  say("%s: %ld %s", what, returned, returned < 0 ? error_name(error) : "ok");
  for (size_t i = 0; i < shown; ++i) {
    char label[32];
    snprintf(label, sizeof label, "  %zu, msg_len %u", i, array[i].msg_len);
    if (array[i].msg_len == 77) {
      say("%s: untouched", label);
      continue;
    }
    say_received(label, &array[i].msg_hdr, (long)array[i].msg_len, 0,
                 array[i].msg_hdr.msg_control != NULL ? sizeof rooms[i] : 0, sizeof payloads[i]);
  }
  errno = error;
  return returned;
}

static long receive_array(const char* what, int socket, unsigned count, int flags, struct wide_time* timeout,
                          size_t shown) {
  return say_array(what, do_recvmmsg(socket, array, count, flags, timeout), shown);
}

static void say_error_kept(int socket) {
  int error = -1;
  socklen_t size = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  say("  kept: %s", error_name(error));
}

static void send_in_time(void* argument) {
  sleep_ms(900);
  send_text(*(int*)argument, "second");
}

static void show_times(void) {
  struct ends pair = make_pair(SOCK_DGRAM);
  /* What is no time is said before anything is received. */
  FACT(send_text(pair.a, "x") == 1);
  const struct wide_time wrong[] = {{-1, 0}, {0, -1}, {0, 1000000000}, {1, 2000000000}, {INT32_MIN, 0}};
  for (size_t i = 0; i != COUNT(wrong); ++i) {
    prepare(0);
    struct wide_time time = wrong[i];
    FACT(receive_array("no time", pair.b, 2, 0, &time, 1) == -1 && errno == EINVAL);
    say("  left %d", time.seconds == wrong[i].seconds && time.nanoseconds == wrong[i].nanoseconds);
  }
  prepare(0);
  FACT(receive_array("a time that is nowhere", pair.b, 2, 0, NOWHERE, 1) == -1 && errno == EFAULT);
  say_sent("a bad time and no socket", do_recvmmsg(999, array, 1, 0, NOWHERE));
  struct wide_time time = wrong[0];
  say_sent("no time and no socket", do_recvmmsg(999, array, 1, 0, &time));
  FACT(receive_array("a time and none wanted", pair.b, 0, 0, &time, 0) == -1 && errno == EINVAL);
  /* It is looked at after each message only: one of no length receives one. */
  FACT(send_text(pair.a, "y") == 1);
  prepare(0);
  time = (struct wide_time){0, 0};
  FACT(receive_array("no time at all", pair.b, 2, 0, &time, 2) == 1);
  say("  left %d %d", (int)time.seconds, (int)time.nanoseconds);
  prepare(0);
  time = (struct wide_time){10, 5};
  FACT(receive_array("enough time", pair.b, 1, 0, &time, 1) == 1);
  FACT(time.seconds == 9 || (time.seconds == 10 && time.nanoseconds <= 5));
  FACT(send_text(pair.a, "first") == 5);
  pid_t child = start(send_in_time, &pair.a);
  prepare(0);
  time = (struct wide_time){0, 400000000};
  int64_t since = now_ms();
  FACT(receive_array("time that ends in between", pair.b, 4, 0, &time, 3) == 2);
  say("  left %d %d", (int)time.seconds, (int)time.nanoseconds);
  FACT(now_ms() - since >= 400 && time.seconds == 0 && time.nanoseconds == 0);
  FACT(finish(child) == 0);
  /* With MSG_DONTWAIT it does not matter; and where nothing is, it is written back as well. */
  prepare(0);
  time = (struct wide_time){5, 7};
  FACT(receive_array("nothing there", pair.b, 2, MSG_DONTWAIT, &time, 1) == -1 && errno == EAGAIN);
  say("  left %d %d", (int)time.seconds, (int)time.nanoseconds);
  const struct timeval short_time = {.tv_usec = 100000};
  NEED(setsockopt(pair.b, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time));
  FACT(send_text(pair.a, "x") == 1);
  prepare(0);
  FACT(receive_array("SO_RCVTIMEO, one there", pair.b, 4, 0, NULL, 2) == 1);
  prepare(0);
  FACT(receive_array("SO_RCVTIMEO, none there", pair.b, 4, 0, NULL, 1) == -1 && errno == EAGAIN);
  close_ends(pair);

  pair = make_pair(SOCK_DGRAM);
  for (int i = 0; i != 3; ++i) FACT(send_text(pair.a, "x") == 1);
  prepare(0);
  FACT(receive_array("MSG_WAITFORONE", pair.b, 8, MSG_WAITFORONE, NULL, 4) == 3);
  FACT(send_text(pair.a, "xyz") == 3);
  prepare(0);
  FACT(receive_array("MSG_WAITFORONE, one", pair.b, 8, MSG_WAITFORONE | MSG_TRUNC | MSG_CMSG_CLOEXEC, NULL, 2) == 1);

  /* A fault that is not the first ends it with what there is. */
  for (int stream = 0; stream != 2; ++stream) {
    const struct ends faulty = make_pair(stream ? SOCK_STREAM : SOCK_DGRAM);
    for (int i = 0; i != 3; ++i) FACT(send_text(faulty.a, "abc") == 3);
    prepare(0);
    parts[0].iov_len = 3;
    array[1].msg_hdr.msg_iov = NOWHERE;
    FACT(receive_array("a fault of the second", faulty.b, 3, MSG_DONTWAIT, NULL, 2) == 1);
    prepare(0);
    array[0].msg_hdr.msg_iov = NOWHERE;
    FACT(receive_array("a fault of the first", faulty.b, 3, MSG_DONTWAIT, NULL, 1) == -1 && errno == EFAULT);
    close_ends(faulty);
  }
  /* End of file fills what is left of the array. */
  static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends ended = make_pair(types[type]);
    FACT(send_text(ended.a, "x") == 1);
    close(ended.a);
    prepare(64);
    FACT(receive_array("one and the end", ended.b, 4, 0, NULL, 4) == 4);
    close(ended.b);
  }
  /* Only what is sent is cut to 1,024. */
  const struct ends many = make_pair(SOCK_STREAM);
  static unsigned char bytes[most];
  FACT(write(many.a, bytes, most) == most);
  prepare(0);
  for (size_t i = 0; i != most; ++i) parts[i].iov_len = 1;
  FACT(receive_array("many", many.b, most, 0, NULL, 0) == most);
  FACT(array[most - 1].msg_len == 1);
  const struct ends none = make_pair(SOCK_STREAM);
  FACT(receive_array("none wanted", none.b, 0, 0, NULL, 0) == 0);
}

/* A fault that is not the first is kept for the next call. */
static void show_kept_error(void) {
  for (int stream = 0; stream != 2; ++stream) {
    const struct ends faulty = make_pair(stream ? SOCK_STREAM : SOCK_DGRAM);
    say(stream ? "stream" : "dgram");
    for (int of_payload = 0; of_payload != 2; ++of_payload) {
      for (int i = 0; i != 4; ++i) FACT(send_text(faulty.a, "abc") == 3);
      prepare(0);
      for (size_t i = 0; i != 4; ++i) parts[i].iov_len = 3;
      if (of_payload) parts[1].iov_base = NOWHERE;
      if (!of_payload) array[1].msg_hdr.msg_iov = NOWHERE;
      FACT(receive_array("a fault", faulty.b, 3, MSG_DONTWAIT, NULL, 1) == 1);
      if (of_payload) {
        /* A stream gives what is there first. */
        int kept = 0;
        for (int i = 0; i != 5; ++i) {
          RECEIVE("the next", faulty.b, .payload = 3, .control = 64, .flags = MSG_DONTWAIT);
          FACT(i != 0 || stream || seen.error == EFAULT);
          kept += seen.error == EFAULT;
        }
        FACT(kept == 1);
      } else {
        say_error_kept(faulty.b);
        for (int i = 0; i != 4; ++i) RECEIVE("what is left", faulty.b, .payload = 3, .flags = MSG_DONTWAIT);
      }
    }
    FACT(send_text(faulty.a, "abc") == 3);
    prepare(0);
    array[0].msg_hdr.msg_iov = NOWHERE;
    FACT(receive_array("a fault of the first", faulty.b, 3, MSG_DONTWAIT, NULL, 0) == -1 && errno == EFAULT);
    say_error_kept(faulty.b);
    close_ends(faulty);
  }
}

/* The same, where the fault was of the last message: nothing is left in the socket but the error. */
static void show_error_of_last(void) {
  const struct ends pair = make_pair(SOCK_DGRAM);
  for (int i = 0; i != 2; ++i) FACT(send_text(pair.a, "abc") == 3);
  prepare(0);
  parts[1].iov_base = NOWHERE;
  FACT(receive_array("a fault of the last", pair.b, 3, MSG_DONTWAIT, NULL, 1) == 1);
  say_error_kept(pair.b);
}

static void show_sends(void) {
  handle(SIGPIPE, 0);
  struct ends pair = make_pair(SOCK_DGRAM);
  prepare_texts();
  FACT(say_array("three", do_sendmmsg(pair.a, array, 3, 0), 0) == 3);
  for (size_t i = 0; i != 4; ++i) say("  %zu: msg_len %u", i, array[i].msg_len);
  FACT(array[0].msg_len == 1 && array[3].msg_len == 77);
  for (int i = 0; i != 3; ++i) RECEIVE("one of them", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
  /* The first error ends it; it is told only if nothing was sent. */
  const int bad = -1;
  struct control refused = {.size = 0};
  add_rights(&refused, &bad, 1);
  for (size_t at = 0; at != 3; ++at) {
    for (int how = 0; how != 3; ++how) {
      prepare_texts();
      if (how == 0) array[at].msg_hdr.msg_iov = NOWHERE;
      if (how == 1) parts[at].iov_base = NOWHERE;
      if (how == 2) {
        array[at].msg_hdr.msg_control = refused.bytes;
        array[at].msg_hdr.msg_controllen = refused.size;
      }
      const long sent = say_array("a fault", do_sendmmsg(pair.a, array, 3, 0), 0);
      FACT(at == 0 ? sent == -1 && errno == (how == 2 ? EBADF : EFAULT) : sent == (long)at);
      say("  msg_len %u %u %u", array[0].msg_len, array[1].msg_len, array[2].msg_len);
      say_error_kept(pair.a);
      for (size_t i = 0; i <= at; ++i) RECEIVE("  came", pair.b, .payload = 16, .flags = MSG_DONTWAIT);
      FACT(seen.error == EAGAIN);
    }
  }
  /* An array that ends at the end of memory. */
  struct mmsghdr* const edge = (struct mmsghdr*)(void*)(pages(2, 1) + PAGE - 2 * sizeof(struct mmsghdr));
  prepare_texts();
  memcpy(edge, array, 2 * sizeof *edge);
  FACT(say_array("two of three are there", do_sendmmsg(pair.a, edge, 3, 0), 0) == 2);
  say("  msg_len %u %u", edge[0].msg_len, edge[1].msg_len);
  FACT(do_recvmmsg(pair.b, edge, 3, MSG_DONTWAIT, NULL) == 2);
  FACT(say_sent("nowhere", do_sendmmsg(pair.a, NOWHERE, 3, 0)) == -1 && errno == EFAULT);
  FACT(say_sent("none", do_sendmmsg(pair.a, NOWHERE, 0, 0)) == 0);
  close_ends(pair);
  /* No more than 1,024 in a call. */
  pair = make_pair(SOCK_STREAM);
  set(pair.a, SO_SNDBUF, 1 << 21);
  prepare_texts();
  const long sent = say_array("more than the most", do_sendmmsg(pair.a, array, most, MSG_DONTWAIT), 0);
  say("  msg_len of the last %u, and beyond %u", array[sent > 0 ? sent - 1 : 0].msg_len, array[1024].msg_len);
  FACT(sent <= 1024 && sent > 0);
  close_ends(pair);
  /* What a stream takes of a message only in part is counted, and is the last. */
  pair = make_pair(SOCK_STREAM);
  static char large[1 << 19];
  prepare_texts();
  parts[1] = (struct iovec){large, sizeof large};
  FACT(say_array("a large one in between", do_sendmmsg(pair.a, array, 3, MSG_DONTWAIT), 0) == 2);
  say("  msg_len %u, in part %d, %u", array[0].msg_len, array[1].msg_len > 0 && array[1].msg_len < sizeof large,
      array[2].msg_len);
  FACT(say_array("full", do_sendmmsg(pair.a, array, 3, MSG_DONTWAIT), 0) == -1 && errno == EAGAIN);
  close(pair.b);
  FACT(say_array("nobody there", do_sendmmsg(pair.a, array, 3, MSG_NOSIGNAL), 0) == -1 && errno == EPIPE);
  say("%d signals", shared->handled);
}

/* Descriptors in arrays, both ways; room for all, for some and for none of them. */
static void show_arrays_of_descriptors(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    const int files[] = {make_file("one"), make_file("two"), make_file("three"), make_file("four")};
    static const size_t counts[] = {1, 0, 4, 2};
    for (size_t room = 0; room <= CMSG_SPACE(4 * sizeof(int)); room += 4) {
      struct control controls[4];
      prepare_texts();
      for (size_t i = 0; i != COUNT(controls); ++i) {
        controls[i].size = 0;
        if (counts[i] != 0) add_rights(&controls[i], files, counts[i]);
        array[i].msg_hdr.msg_control = controls[i].size != 0 ? controls[i].bytes : NULL;
        array[i].msg_hdr.msg_controllen = controls[i].size;
      }
      FACT(say_array("sent", do_sendmmsg(pair.a, array, 4, 0), 0) == 4);
      prepare(room);
      char what[32];
      snprintf(what, sizeof what, "room %zu", room);
      receive_array(what, pair.b, 4, MSG_DONTWAIT | (room % 8 == 0 ? MSG_CMSG_CLOEXEC : 0), NULL, 4);
      const size_t fit = room > HEADER ? (room - HEADER) / sizeof(int) : 0;
      if (types[type] != SOCK_STREAM) FACT(seen.count == (fit < 2 ? fit : 2));
      drop();
      RECEIVE("no more", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
      drop();
    }
    close_ends(pair);
    for (size_t i = 0; i != COUNT(files); ++i) close(files[i]);
  }
  /* 253 in each. */
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int file = make_file("file");
  int many[253];
  for (size_t i = 0; i != COUNT(many); ++i) many[i] = file;
  struct control control = {.size = 0};
  add_rights(&control, many, COUNT(many));
  prepare_texts();
  for (size_t i = 0; i != 4; ++i) {
    array[i].msg_hdr.msg_control = control.bytes;
    array[i].msg_hdr.msg_controllen = control.size;
  }
  FACT(say_array("1,012 descriptors", do_sendmmsg(pair.a, array, 4, 0), 0) == 4);
  for (int i = 0; i != 4; ++i) {
    RECEIVE("253", pair.b, .payload = 16, .control = 2048);
    FACT(seen.count == 253 && seen.flags == 0);
    drop();
  }
}

/* The table is full in the middle: of one message's descriptors, and of an array of messages. */
static void show_full_table(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int files[] = {make_file("one"), make_file("two"), make_file("three"), make_file("four"), make_file("five")};
  const rlim_t used = (rlim_t)lowest_free();
  for (rlim_t free = 0; free <= 6; ++free) {
    const struct ends pipe = make_pipe();
    const int five[] = {files[0], files[1], pipe.b, files[3], pipe.b};
    FACT(send_fds(pair.a, "x", five, 5) == 1);
    close(pipe.b);
    const int witness = fcntl(pipe.a, F_DUPFD_CLOEXEC, 300); /* out of the way */
    close(pipe.a);
    struct rlimit limit;
    NEED(getrlimit(RLIMIT_NOFILE, &limit));
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = used + free;
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
    char what[32];
    snprintf(what, sizeof what, "%d free", (int)free);
    RECEIVE(what, pair.b, .payload = 16, .control = 64, .flags = free % 2 == 0 ? MSG_CMSG_CLOEXEC : 0);
    const size_t fit = free < 5 ? (size_t)free : 5;
    FACT(seen.returned == 1 && seen.count == fit && ((seen.flags & MSG_CTRUNC) != 0) == (fit < 5));
    for (size_t i = 0; i != seen.count; ++i) FACT(seen.descriptors[i] == (int)used + (int)i);
    limit.rlim_cur = before;
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
    drop();
    struct pollfd one = {.fd = witness, .events = POLLIN};
    FACT(poll(&one, 1, 5000) == 1 && (one.revents & POLLHUP) != 0);
    close(witness);
  }
  for (rlim_t free = 0; free <= 8; ++free) {
    for (int i = 0; i != 3; ++i) FACT(send_fds(pair.a, "abc", files, 3) == 3);
    struct rlimit limit;
    NEED(getrlimit(RLIMIT_NOFILE, &limit));
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = used + free;
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
    prepare(64 < sizeof rooms[0] ? 64 : sizeof rooms[0]);
    char what[32];
    snprintf(what, sizeof what, "an array, %d free", (int)free);
    FACT(receive_array(what, pair.b, 4, MSG_DONTWAIT, NULL, 4) == 3);
    limit.rlim_cur = before;
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
    drop();
    FACT(lowest_free() == (int)used);
  }
}

const struct behaviour batches[] = {{"37", show_times},
                                    {"38", show_sends},
                                    {"kept error", show_kept_error},
                                    {"error of the last", show_error_of_last},
                                    {"arrays", show_arrays_of_descriptors},
                                    {"a full table", show_full_table},
                                    {NULL, NULL}};
