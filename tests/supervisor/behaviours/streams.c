/* What a stream does with descriptors between its bytes; what a look at a message leaves; where descriptors go. */
#include "behaviours.h"

#include <linux/sockios.h>
#include <pthread.h>

static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

static void show_no_descriptors(void) {
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    const int file = make_file("file");
    for (size_t more = 0; more != sizeof(int); ++more) {
      struct control control = {.size = 0};
      add_item(&control, SOL_SOCKET, SCM_RIGHTS, &file, more);
      FACT(send_control(pair.a, "abc", 3, &control, 0) == 3);
      FACT(send_text(pair.a, "def") == 3);
      RECEIVE("none of them, then data", pair.b, .payload = 16, .control = 64);
      FACT(seen.items == 0 && seen.flags == 0 && seen.returned == (types[type] == SOCK_STREAM ? 6 : 3));
      if (types[type] != SOCK_STREAM) RECEIVE("data", pair.b, .payload = 16, .control = 64);
    }
    close_ends(pair);
  }
}

/* D: data alone, F: with a descriptor, each of three bytes. */
static void show_pattern(const char* pattern, size_t room, int flags) {
  const struct ends pair = make_pair(SOCK_STREAM);
  const int file = make_file("file");
  for (const char* one = pattern; *one != '\0'; ++one) {
    FACT((*one == 'F' ? send_fds(pair.a, "fff", &file, 1) : send_text(pair.a, "ddd")) == 3);
  }
  close(pair.a);
  say("%s, %zu at a time", pattern, room);
  do {
    RECEIVE(" ", pair.b, .payload = room, .control = 64, .flags = flags);
    drop();
  } while (seen.returned > 0);
  close(pair.b);
  close(file);
}

static void write_as_child(void* argument) { FACT(send_text(*(int*)argument, "child") == 5); }

static void show_boundaries(void) {
  static const char* const patterns[] = {"DF", "FD", "FF", "DFD", "FDF", "DDFDDFDD", "F", "DDD"};
  static const size_t rooms[] = {1, 2, 3, 4, 5, 64};
  for (size_t i = 0; i != COUNT(patterns); ++i) {
    for (size_t room = 0; room != COUNT(rooms); ++room) show_pattern(patterns[i], rooms[room], 0);
    show_pattern(patterns[i], 64, MSG_WAITALL);
  }
  /* Who wrote is a boundary, too, once somebody wants to know. */
  for (int wanted = 0; wanted != 2; ++wanted) {
    struct ends pair = make_pair(SOCK_STREAM);
    set(pair.b, SO_PASSCRED, wanted);
    FACT(send_text(pair.a, "self") == 4);
    const pid_t child = start(write_as_child, &pair.a);
    FACT(finish(child) == 0);
    FACT(send_text(pair.a, "again") == 5);
    FACT(send_text(pair.a, "and again") == 9);
    say(wanted ? "with credentials" : "without credentials");
    RECEIVE(" ", pair.b, .payload = 64, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.returned == (wanted ? 4 : 23));
    for (int i = 0; i != 3; ++i) RECEIVE(" ", pair.b, .payload = 64, .control = 64, .flags = MSG_DONTWAIT);
    close_ends(pair);
  }
  /* An empty message is none on a stream: its descriptors are closed. */
  const struct ends pair = make_pair(SOCK_STREAM);
  const struct ends pipe = make_pipe();
  FACT(say_sent("empty", send_fds(pair.a, "", &pipe.b, 1)) == 0);
  close(pipe.b);
  struct pollfd one = {.fd = pipe.a, .events = POLLIN};
  FACT(poll(&one, 1, 5000) == 1 && (one.revents & POLLHUP) != 0);
  RECEIVE("nothing", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
  FACT(seen.error == EAGAIN);
  /* A large message: descriptors are with the first part. */
  static char large[65536];
  memset(large, 'l', sizeof large);
  const int file = make_file("file");
  struct control control = {.size = 0};
  add_rights(&control, &file, 1);
  FACT(say_sent("large", send_control(pair.a, large, sizeof large, &control, 0)) == sizeof large);
  RECEIVE("its beginning", pair.b, .payload = 1000, .control = 64);
  FACT(seen.count == 1);
  long rest = 65536 - 1000;
  while (rest > 0) {
    RECEIVE("more", pair.b, .payload = 8000, .control = 64);
    FACT(seen.count == 0 && seen.returned > 0);
    if (seen.returned <= 0) break;
    rest -= seen.returned;
  }
}

static void show_empty_receive(void) {
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    const int file = make_file("file");
    const bool stream = types[type] == SOCK_STREAM;
    RECEIVE("no payload, nothing there", pair.b, .payload = 0, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.error == EAGAIN);
    FACT(send_fds(pair.a, "abc", &file, 1) == 3);
    RECEIVE("no payload", pair.b, .payload = 0, .control = 64);
    FACT(seen.returned == 0 && seen.count == 1 && seen.flags == (stream ? 0 : MSG_TRUNC));
    RECEIVE("payload", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
    FACT(stream ? seen.returned == 3 && seen.count == 0 : seen.error == EAGAIN);
    if (stream) continue;
    FACT(send_fds(pair.a, "", &file, 1) == 0);
    RECEIVE("an empty message", pair.b, .payload = 16, .control = 64);
    FACT(seen.returned == 0 && seen.count == 1 && seen.flags == 0);
  }
}

static void show_peeks(void) {
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    const int two[] = {make_file("one"), make_file("two")};
    const int before = lowest_free();
    FACT(send_fds(pair.a, "abc", two, 2) == 3);
    RECEIVE("peek", pair.b, .payload = 16, .control = 64, .flags = MSG_PEEK);
    FACT(seen.count == 2 && seen.descriptors[0] == before);
    RECEIVE("peek, close-on-exec", pair.b, .payload = 2, .control = 64, .flags = MSG_PEEK | MSG_CMSG_CLOEXEC);
    FACT(seen.count == 2 && seen.descriptors[0] == before + 2);
    RECEIVE("peek, no room", pair.b, .payload = 16, .control = 0, .flags = MSG_PEEK);
    FACT((seen.flags & MSG_CTRUNC) != 0 && lowest_free() == before + 4);
    RECEIVE("peek, room for one", pair.b, .payload = 16, .control = CMSG_LEN(sizeof(int)), .flags = MSG_PEEK);
    FACT((seen.flags & MSG_CTRUNC) != 0 && seen.count == 1);
    RECEIVE("peek, no payload", pair.b, .payload = 0, .control = 64, .flags = MSG_PEEK | MSG_DONTWAIT);
    FACT(seen.count == 2);
    RECEIVE("for good", pair.b, .payload = 16, .control = 64);
    FACT(seen.count == 2 && seen.returned == 3);
    say_table();
    RECEIVE("no more", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT | MSG_PEEK);
    FACT(seen.error == EAGAIN);
    drop();
    close_ends(pair);
  }
  const struct ends pair = make_pair(SOCK_STREAM);
  set(pair.b, SO_PEEK_OFF, 1);
  const int file = make_file("file");
  FACT(send_text(pair.a, "abc") == 3);
  FACT(send_fds(pair.a, "def", &file, 1) == 3);
  for (int i = 0; i != 4; ++i) {
    RECEIVE("peek further on", pair.b, .payload = 2, .control = 64, .flags = MSG_PEEK | MSG_DONTWAIT);
  }
  RECEIVE("whole", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
}

static void show_numbers(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  int files[8];
  static const char* const texts[] = {"one", "two", "three", "four", "five", "six", "seven", "eight"};
  for (size_t i = 0; i != COUNT(files); ++i) files[i] = make_file(texts[i]);
  const int order[] = {files[7], files[0], files[3], files[3], files[5]};
  FACT(send_fds(pair.a, "x", order, COUNT(order)) == 1);
  /* The sender's are closed at once; their numbers are holes, which are filled from below. */
  for (size_t i = 0; i != COUNT(files); i += 2) close(files[i]);
  close(files[7]);
  say_table();
  RECEIVE("into holes", pair.b, .payload = 16, .control = 64);
  FACT(seen.count == 5);
  const int expected[] = {files[0], files[2], files[4], files[6], files[7]};
  for (size_t i = 0; i != COUNT(expected); ++i) FACT(seen.descriptors[i] == expected[i]);
  say_table();
  /* One open file: its position and its status flags are shared. */
  char text[8] = "";
  FACT(lseek(seen.descriptors[2], 0, SEEK_SET) == 0 && read(seen.descriptors[3], text, 4) == 4);
  FACT(memcmp(text, "four", 4) == 0 && lseek(seen.descriptors[2], 0, SEEK_CUR) == 4);
  /* Anything can be passed: the socket itself, its other end. */
  const int odd[] = {pair.a, pair.b, 0};
  FACT(send_fds(pair.a, "x", odd, COUNT(odd)) == 1);
  RECEIVE("odd ones", pair.b, .payload = 16, .control = 64);
  FACT(seen.count == 3);
  say_table();
}

static void show_path_handles(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int path = name_it((int)NEED(open("/", O_PATH | O_CLOEXEC)), "root");
  const int three[] = {make_file("file"), path, make_file("other")};
  FACT(send_fds(pair.a, "x", three, COUNT(three)) == 1);
  RECEIVE("with a path", pair.b, .payload = 16, .control = 64);
  FACT(seen.count == 3 && (fcntl(seen.descriptors[1], F_GETFL) & O_PATH) != 0);
}

static void show_close_on_exec(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int file = make_file("file"), other = dup(file);
  FACT(fcntl(file, F_GETFD) == FD_CLOEXEC && fcntl(other, F_GETFD) == 0);
  const int two[] = {file, other};
  for (int on = 0; on != 2; ++on) {
    for (int cut = 0; cut != 2; ++cut) {
      FACT(send_fds(pair.a, "xyz", two, 2) == 3);
      RECEIVE(on ? "wanted" : "not wanted", pair.b, .payload = cut ? 1 : 16, .control = cut ? CMSG_LEN(4) : 64,
              .flags = on ? MSG_CMSG_CLOEXEC : 0);
      /* The flag of the call comes back. */
      const unsigned echo = (on ? MSG_CMSG_CLOEXEC : 0U) | (cut ? MSG_CTRUNC | MSG_TRUNC : 0U);
      FACT(seen.flags == echo);
      for (size_t i = 0; i != seen.count; ++i) {
        FACT(fcntl(seen.descriptors[i], F_GETFD) == (on ? FD_CLOEXEC : 0));
      }
    }
    FACT(send_text(pair.a, "xyz") == 3);
    RECEIVE("data alone", pair.b, .payload = 16, .control = 64, .flags = on ? MSG_CMSG_CLOEXEC : 0);
    FACT(seen.flags == (on ? MSG_CMSG_CLOEXEC : 0U));
  }
  FACT(fcntl(file, F_GETFD) == FD_CLOEXEC && fcntl(other, F_GETFD) == 0);
}

static void show_end_of_file(void) {
  for (size_t type = 0; type != COUNT(types); ++type) {
    if (types[type] == SOCK_DGRAM) continue;
    struct ends pair = make_pair(types[type]);
    const int file = make_file("file");
    FACT(send_fds(pair.a, "last", &file, 1) == 4);
    close(pair.a);
    RECEIVE("what was left", pair.b, .payload = 16, .control = 64, .name = 110);
    FACT(seen.count == 1);
    for (int i = 0; i != 2; ++i) {
      RECEIVE("end", pair.b, .payload = 16, .control = 64, .name = 110, .input_flags = ~0U, .flags = i * MSG_PEEK);
      FACT(seen.returned == 0 && seen.flags == 0 && seen.control_size == 0);
    }
    set(pair.b, SO_PASSCRED, 1);
    RECEIVE("end, with credentials", pair.b, .payload = 16, .control = 64);
    close(pair.b);

    pair = make_pair(types[type]);
    FACT(send_text(pair.b, "unread") == 6);
    FACT(send_text(pair.a, "read") == 4);
    close(pair.a);
    /* A stream gives what was left first, a seqpacket socket the error. */
    int resets = 0, texts = 0;
    for (int i = 0; i != 4; ++i) {
      RECEIVE("what was left, and one reset", pair.b, .payload = 16, .control = 64);
      resets += seen.error == ECONNRESET;
      texts += seen.returned == 4;
    }
    FACT(resets == 1 && texts == 1 && seen.returned == 0);
    close(pair.b);

    pair = make_pair(types[type]);
    FACT(send_text(pair.a, "before") == 6);
    FACT(shutdown(pair.a, SHUT_WR) == 0);
    RECEIVE("before the end", pair.b, .payload = 16, .control = 64);
    RECEIVE("the end", pair.b, .payload = 16, .control = 64);
    FACT(seen.returned == 0);
    FACT(say_sent("the other way", send_text(pair.b, "back")) == 4);
    FACT(say_sent("after the end", send_control(pair.a, "x", 1, NULL, MSG_NOSIGNAL)) == -1 && errno == EPIPE);
    close_ends(pair);
  }
  /* A datagram socket has no end, but an error once. */
  const struct ends pair = make_pair(SOCK_DGRAM);
  close(pair.a);
  RECEIVE("nobody there", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
  for (int i = 0; i != 2; ++i) say_sent("to nobody", send_text(pair.b, "x"));
}

static void say_mark(int socket) {
  int at_mark = -1;
  const int result = ioctl(socket, SIOCATMARK, &at_mark);
  say("  mark: %s %d", result == 0 ? "ok" : error_name(errno), result == 0 ? at_mark : -1);
}

static void show_out_of_band(void) {
  for (int in_line = 0; in_line != 2; ++in_line) {
    const struct ends pair = make_pair(SOCK_STREAM);
    set(pair.b, SO_OOBINLINE, in_line);
    const int file = make_file("file");
    struct control control = {.size = 0};
    add_rights(&control, &file, 1);
    say(in_line ? "in line" : "out of line");
    say_mark(pair.b);
    say_sent("before", send_text(pair.a, "before"));
    say_sent("out of band", send_control(pair.a, "abc", 3, &control, MSG_OOB));
    say_sent("after", send_text(pair.a, "after"));
    say_mark(pair.b);
    RECEIVE("peek", pair.b, .payload = 64, .control = 64, .flags = MSG_PEEK | MSG_DONTWAIT);
    say_mark(pair.b);
    RECEIVE("peek at the urgent one", pair.b, .payload = 64, .control = 64, .flags = MSG_OOB | MSG_PEEK | MSG_DONTWAIT);
    RECEIVE("first", pair.b, .payload = 4, .control = 64, .flags = MSG_DONTWAIT);
    say_mark(pair.b);
    RECEIVE("second", pair.b, .payload = 64, .control = 64, .flags = MSG_DONTWAIT);
    say_mark(pair.b);
    RECEIVE("the urgent one", pair.b, .payload = 64, .control = 64, .flags = MSG_OOB | MSG_DONTWAIT);
    for (int i = 0; i != 3; ++i) {
      RECEIVE("more", pair.b, .payload = 64, .control = 64, .flags = MSG_DONTWAIT);
      say_mark(pair.b);
    }
    drop();
    say_sent("urgent alone", send_control(pair.a, "u", 1, &control, MSG_OOB));
    RECEIVE("urgent alone", pair.b, .payload = 64, .control = 64, .flags = MSG_DONTWAIT);
    RECEIVE("urgent", pair.b, .payload = 64, .control = 64, .flags = MSG_OOB | MSG_DONTWAIT);
    say_sent("nothing", send_control(pair.a, "", 0, NULL, MSG_OOB));
    close_ends(pair);
  }
  const struct ends packets = make_pair(SOCK_SEQPACKET);
  FACT(say_sent("not of a seqpacket", send_control(packets.a, "x", 1, NULL, MSG_OOB)) == -1 && errno == EOPNOTSUPP);
  RECEIVE("not of a seqpacket", packets.b, .payload = 1, .control = 64, .flags = MSG_OOB | MSG_DONTWAIT);
}

/* Each of these sends its own file with its own text, and all at once. */
enum { writers = 4, rounds = 200 };
struct writer {
  int socket, file;
  char letter;
};

static void* write_many(void* argument) {
  const struct writer* self = argument;
  char text[101] = "";
  memset(text, self->letter, sizeof text - 1);
  for (int i = 0; i != rounds; ++i) {
    if (send_fds(self->socket, text, &self->file, 1) != 100) return argument;
  }
  return NULL;
}

static void show_many_writers(void) {
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    struct writer all[writers];
    struct stat statuses[writers];
    pthread_t threads[writers];
    int counts[writers] = {0};
    for (int i = 0; i != writers; ++i) {
      all[i] = (struct writer){.socket = pair.a, .file = make_file("file"), .letter = (char)('a' + i)};
      NEED(fstat(all[i].file, &statuses[i]));
    }
    for (int i = 0; i != writers; ++i) pthread_create(&threads[i], NULL, write_many, &all[i]);
    int whole = 0;
    for (int i = 0; i != writers * rounds; ++i) {
      char text[128];
      _Alignas(16) unsigned char room[CMSG_SPACE(sizeof(int))];
      struct iovec part = {.iov_base = text, .iov_len = 100};
      struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
      if (do_recvmsg(pair.b, &header, MSG_WAITALL) != 100 || header.msg_flags != 0) break;
      if (header.msg_controllen < CMSG_LEN(sizeof(int))) break;
      int number;
      memcpy(&number, room + HEADER, sizeof number);
      struct stat status;
      const int writer = text[0] - 'a';
      NEED(fstat(number, &status));
      close(number);
      if (writer < 0 || writer >= writers || status.st_ino != statuses[writer].st_ino) break;
      if (memchr(text, text[0] == 'a' ? 'b' : 'a', 100) != NULL || text[99] != text[0]) break;
      ++counts[writer];
      ++whole;
    }
    FACT(whole == writers * rounds);
    if (whole != writers * rounds) shutdown(pair.b, SHUT_RD);
    for (int i = 0; i != writers; ++i) {
      void* failed = NULL;
      pthread_join(threads[i], &failed);
      FACT(failed == NULL && counts[i] == rounds);
      close(all[i].file);
    }
    say("%d messages, each whole and with its own file", whole);
    close_ends(pair);
  }
}

const struct behaviour streams[] = {
    {"15", show_no_descriptors}, {"16", show_boundaries},    {"17", show_empty_receive},
    {"18", show_peeks},          {"19", show_numbers},       {"path handles", show_path_handles},
    {"20", show_close_on_exec},  {"21", show_close_on_exec}, {"34", show_end_of_file},
    {"43", show_out_of_band},    {"44", show_many_writers},  {NULL, NULL}};
