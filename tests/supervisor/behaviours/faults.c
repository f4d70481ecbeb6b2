/* Memory that is not there, and what becomes of a message then. */
#include "behaviours.h"

static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
static const char* const type_names[] = {"stream", "dgram", "seqpacket"};

static void show_lost_payload(void) {
  unsigned char* const edge = pages(2, 1) + PAGE;
  const int empty = (int)NEED(syscall(SYS_memfd_create, "empty", 1U));
  NEED(ftruncate(empty, (off_t)PAGE));
  unsigned char* const beyond = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, empty, 0);
  unsigned char* const constant = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (beyond == MAP_FAILED || constant == MAP_FAILED) NEED(-1);
  close(empty);
  const int file = make_file("file");
  const struct {
    const char* what;
    struct iovec parts[2];
    int count;
  } places[] = {{"nowhere", {{NOWHERE, 6}}, 1},
                {"half of it", {{edge - 3, 6}}, 1},
                {"the second part", {{edge - 3, 3}, {NOWHERE, 3}}, 2},
                {"beyond the file", {{beyond + PAGE, 6}}, 1},
                {"up to the file's end", {{beyond + PAGE - 3, 6}}, 1},
                {"read-only", {{constant, 6}}, 1},
                {"more than comes", {{edge - 6, 12}}, 1}};
  for (size_t type = 0; type != COUNT(types); ++type) {
    for (size_t i = 0; i != COUNT(places); ++i) {
      const struct ends pair = make_pair(types[type]);
      const struct ends pipe = make_pipe();
      say("%s, into %s", type_names[type], places[i].what);
      FACT(send_fds(pair.a, "abcdef", &pipe.b, 1) == 6);
      close(pipe.b);
      _Alignas(16) unsigned char room[64];
      memset(room, 0xaa, sizeof room);
      struct msghdr header = {.msg_iov = (struct iovec*)(uintptr_t)places[i].parts,
                              .msg_iovlen = (size_t)places[i].count,
                              .msg_control = room,
                              .msg_controllen = sizeof room};
      const int before = lowest_free();
      const long got = say_sent("received", do_recvmsg(pair.b, &header, MSG_DONTWAIT));
      const bool fails = i != 6;
      FACT(fails ? got == -1 && errno == EFAULT : got == 6);
      if (fails) FACT(lowest_free() == before);
      say("  control %zu, flags %#x", (size_t)header.msg_controllen, (unsigned)header.msg_flags);
      if (!fails) close(before);
      RECEIVE("afterwards", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
      if (fails) FACT(types[type] == SOCK_STREAM ? seen.returned == 6 && seen.count == 1 : seen.error == EAGAIN);
      drop();
      struct pollfd end = {.fd = pipe.a, .events = POLLIN};
      FACT(poll(&end, 1, 5000) == 1 && (end.revents & POLLHUP) != 0);
      close(pipe.a);

      struct control control = {.size = 0};
      add_rights(&control, &file, 1);
      header = (struct msghdr){.msg_iov = (struct iovec*)(uintptr_t)places[i].parts,
                               .msg_iovlen = (size_t)places[i].count,
                               .msg_control = control.bytes,
                               .msg_controllen = control.size};
      if (i != 5 && i != 6) {
        FACT(say_sent("sent from there", do_sendmsg(pair.a, &header, MSG_DONTWAIT)) == -1 && errno == EFAULT);
      }
      RECEIVE("nothing came", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
      FACT(seen.error == EAGAIN);
      close_ends(pair);
    }
  }
}

static void show_lost_header(void) {
  const int file = make_file("file");
  /* A header that can be read and not written; one whose end is missing; one that is a page's last bytes. */
  unsigned char* const constant = pages(1, 0);
  unsigned char* const edge = pages(2, 1) + PAGE;
  static char payload[16];
  static struct iovec part = {.iov_base = payload, .iov_len = sizeof payload};
  static _Alignas(16) unsigned char room[64];
  const struct msghdr model = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    say("%s", type_names[type]);
    memcpy(edge - sizeof model, &model, sizeof model);
    FACT(send_fds(pair.a, "abc", &file, 1) == 3);
    FACT(say_sent("the last bytes of a page", do_recvmsg(pair.b, edge - sizeof model, 0)) == 3);
    close(lowest_free() - 1);
    FACT(send_text(pair.a, "abc") == 3);
    FACT(say_sent("half a header", do_recvmsg(pair.b, edge - sizeof model + 8, 0)) == -1 && errno == EFAULT);
    RECEIVE("still there", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.returned == 3);
    NEED(mprotect(constant, PAGE, PROT_READ | PROT_WRITE));
    memcpy(constant, &model, sizeof model);
    NEED(mprotect(constant, PAGE, PROT_READ));
    FACT(send_text(pair.a, "abc") == 3);
    FACT(say_sent("a header that is read-only", do_recvmsg(pair.b, constant, MSG_DONTWAIT)) == -1 && errno == EFAULT);
    close_ends(pair);
  }
}

/* What the kernel finds out when the message is taken: it is gone. */
static void show_lost_message(void) {
  static char payload[16];
  static struct iovec part = {.iov_base = payload, .iov_len = sizeof payload};
  struct msghdr* const header = (struct msghdr*)(void*)pages(1, 0);
  *header = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
  NEED(mprotect(header, PAGE, PROT_READ));
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    FACT(send_text(pair.a, "abc") == 3);
    FACT(do_recvmsg(pair.b, header, MSG_DONTWAIT) == -1 && errno == EFAULT);
    RECEIVE("after a header that is read-only", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.error == EAGAIN);
    close_ends(pair);
  }
}

static void show_lost_control(void) {
  unsigned char* const edge = pages(2, 1) + PAGE;
  unsigned char* const constant = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (constant == MAP_FAILED) NEED(-1);
  const int files[] = {make_file("one"), make_file("two"), make_file("three")};
  static char payload[16];
  static struct iovec part = {.iov_base = payload, .iov_len = sizeof payload};
  const struct {
    const char* what;
    void* room;
  } rooms[] = {{"nowhere", NOWHERE},
               {"read-only", constant},
               {"cut after the header", edge - HEADER},
               {"cut after one", edge - HEADER - sizeof(int)},
               {"cut after two", edge - HEADER - 2 * sizeof(int)},
               {"beyond all of them", edge - CMSG_LEN(3 * sizeof(int))}};
  for (size_t type = 0; type != COUNT(types); ++type) {
    for (size_t i = 0; i != COUNT(rooms); ++i) {
      const struct ends pair = make_pair(types[type]);
      memset(edge - 64, 0xaa, 64);
      FACT(send_fds(pair.a, "abc", files, 3) == 3);
      struct msghdr header = {.msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = rooms[i].room,
                              .msg_controllen = CMSG_SPACE(3 * sizeof(int))};
      const int before = lowest_free();
      const long got = do_recvmsg(pair.b, &header, MSG_DONTWAIT);
      say("%s, %s: %ld %s control %zu flags %s", type_names[type], rooms[i].what, got, got < 0 ? error_name(errno) : "",
          (size_t)header.msg_controllen, flag_names((unsigned)header.msg_flags));
      FACT(got == 3);
      int installed = 0;
      while (fcntl(before + installed, F_GETFD) >= 0) close(before + installed++);
      say("  %d installed", installed);
      FACT(installed == (i < 3 ? 0 : (int)i - 2));
      RECEIVE("no more", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
      FACT(seen.error == EAGAIN);
      close_ends(pair);
    }
  }
}

const struct behaviour faults[] = {{"32", show_lost_payload},
                                   {"lost header", show_lost_header},
                                   {"lost control", show_lost_control},
                                   {"lost message", show_lost_message},
                                   {NULL, NULL}};
