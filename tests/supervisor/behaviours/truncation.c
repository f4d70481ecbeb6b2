/* Control data that does not fit, by every number of bytes that it can lack. */
#include "behaviours.h"

static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
static const char* const type_names[] = {"stream", "dgram", "seqpacket"};

static size_t at_most(size_t a, size_t b) { return a < b ? a : b; }

/* How many of `count` descriptors fit into what is left of the room. */
static size_t that_fit(size_t count, size_t room) {
  return room > HEADER ? at_most(count, (room - HEADER) / sizeof(int)) : 0;
}

static bool hung_up(int pipe) {
  struct pollfd one = {.fd = pipe, .events = POLLIN};
  return poll(&one, 1, 5000) == 1 && (one.revents & POLLHUP) != 0;
}

static void show_rights_cut(void) {
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    for (size_t room = 0; room <= CMSG_SPACE(5 * sizeof(int)) + 8; ++room) {
      const struct ends pipe = make_pipe();
      const int five[] = {pipe.b, pipe.b, pipe.b, pipe.b, pipe.b};
      FACT(send_fds(pair.a, "x", five, COUNT(five)) == 1);
      close(pipe.b);
      char what[64];
      snprintf(what, sizeof what, "%s, room %zu", type_names[type], room);
      RECEIVE(what, pair.b, .payload = 16, .control = room);
      const size_t fit = that_fit(5, room);
      FACT(seen.returned == 1 && seen.count == fit);
      FACT(((seen.flags & MSG_CTRUNC) != 0) == (fit < 5));
      FACT(seen.control_size == (fit != 0 ? at_most(CMSG_SPACE(fit * sizeof(int)), room) : 0));
      for (size_t i = 0; i != seen.count; ++i) FACT(seen.descriptors[i] == pipe.b + (int)i);
      drop();
      FACT(hung_up(pipe.a)); /* those that did not fit are closed */
      close(pipe.a);
    }
    close_ends(pair);
  }
}

static void show_room_for_header(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int file = make_file("file");
  for (size_t room = HEADER; room != HEADER + sizeof(int); ++room) {
    FACT(send_fds(pair.a, "abc", &file, 1) == 3);
    const int before = lowest_free();
    RECEIVE("room for a header", pair.b, .payload = 16, .control = room);
    FACT(seen.control_size == 0 && seen.flags == MSG_CTRUNC && seen.count == 0);
    FACT(lowest_free() == before);
    say_table();
  }
}

/* `control` and `room` as they are; what becomes of a message with a descriptor. */
static void receive_into(const char* what, int socket, void* control, size_t room, size_t payload) {
  char bytes[16];
  memset(bytes, 0xaa, sizeof bytes);
  struct iovec part = {.iov_base = bytes, .iov_len = payload};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
  const long returned = do_recvmsg(socket, &header, MSG_DONTWAIT);
  say_received(what, &header, returned, errno, 0, payload);
  say("  control at %s", header.msg_control == control ? "the same place" : "another place");
}

static void show_no_control(void) {
  unsigned char control[64];
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    const struct {
      const char* what;
      void* control;
      size_t room;
    } rooms[] = {{"no control", NULL, 0},
                 {"no control, a size", NULL, 512},
                 {"a control, no size", control, 0},
                 {"control that is nowhere", NOWHERE, 512}};
    for (size_t i = 0; i != COUNT(rooms); ++i) {
      for (int with_data = 1; with_data >= 0; --with_data) {
        if (with_data == 0 && types[type] == SOCK_STREAM) continue; /* an empty message is none there */
        const struct ends pipe = make_pipe();
        FACT(send_fds(pair.a, with_data ? "data" : "", &pipe.b, 1) == (with_data ? 4 : 0));
        close(pipe.b);
        memset(control, 0xaa, sizeof control);
        say("%s%s", type_names[type], with_data ? "" : ", empty");
        receive_into(rooms[i].what, pair.b, rooms[i].control, rooms[i].room, 16);
        FACT(seen.returned == (with_data ? 4 : 0) && (seen.flags & MSG_CTRUNC) != 0 && seen.control_size == 0);
        for (size_t at = 0; at != sizeof control; ++at) FACT(control[at] == 0xaa);
        FACT(hung_up(pipe.a));
        close(pipe.a);
      }
    }
    close_ends(pair);
  }
}

static void show_input_flags(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int file = make_file("file");
  static const unsigned inputs[] = {0, MSG_CTRUNC, MSG_TRUNC | MSG_CTRUNC | MSG_EOR, ~0U};
  for (size_t i = 0; i != COUNT(inputs); ++i) {
    FACT(send_fds(pair.a, "abc", &file, 1) == 3);
    RECEIVE("msg_flags of the header", pair.b, .payload = 16, .control = 64, .input_flags = inputs[i]);
    FACT(seen.flags == 0 && seen.count == 1 && seen.returned == 3);
    drop();
  }
  FACT(send_fds(pair.a, "abc", &file, 1) == 3);
  RECEIVE("MSG_CTRUNC of the call", pair.b, .payload = 16, .control = 64, .flags = MSG_CTRUNC);
  FACT((seen.flags & ~(unsigned)MSG_CTRUNC) == 0 && seen.count == 1);
  drop();
  FACT(send_fds(pair.a, "abc", &file, 1) == 3);
  RECEIVE("MSG_EOR of the call", pair.b, .payload = 16, .control = 64, .flags = MSG_EOR | MSG_NOSIGNAL | MSG_CONFIRM);
  FACT(seen.count == 1);
  drop();
  FACT(send_control(pair.a, "abc", 3, NULL, MSG_CTRUNC | MSG_MORE | MSG_CONFIRM) == 3);
  RECEIVE("MSG_CTRUNC of the sender", pair.b, .payload = 16, .control = 64);
  FACT(seen.flags == 0);
}

static void show_creds_cut(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  set(pair.b, SO_PASSCRED, 1);
  for (size_t room = 0; room <= CMSG_SPACE(sizeof(struct ucred)) + 4; ++room) {
    FACT(send_text(pair.a, "x") == 1);
    char what[32];
    snprintf(what, sizeof what, "room %zu", room);
    RECEIVE(what, pair.b, .payload = 16, .control = room);
    const size_t whole = CMSG_LEN(sizeof(struct ucred));
    FACT(seen.control_size == (room < HEADER ? 0 : at_most(room, CMSG_SPACE(sizeof(struct ucred)))));
    FACT(((seen.flags & MSG_CTRUNC) != 0) == (room < whole));
    struct cmsghdr item;
    memcpy(&item, seen.control, HEADER);
    FACT(room < HEADER || (item.cmsg_type == SCM_CREDENTIALS && item.cmsg_len == at_most(room, whole)));
  }
}

static void show_no_room_for_header(void) {
  const struct ends pair = make_pair(SOCK_DGRAM);
  set(pair.b, SO_PASSCRED, 1);
  const int file = make_file("file");
  for (size_t room = 0; room != HEADER; ++room) {
    FACT(send_fds(pair.a, "x", &file, 1) == 1);
    RECEIVE("less than a header", pair.b, .payload = 16, .control = room);
    FACT(seen.control_size == 0 && seen.flags == MSG_CTRUNC && seen.returned == 1 && seen.count == 0);
    for (size_t i = 0; i != 64; ++i) FACT(seen.control[i] == 0xaa);
  }
}

static void show_creds_then_rights(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  set(pair.b, SO_PASSCRED, 1);
  const size_t creds = CMSG_SPACE(sizeof(struct ucred));
  for (size_t room = 0; room <= creds + CMSG_SPACE(2 * sizeof(int)) + 4; ++room) {
    const struct ends pipe = make_pipe();
    const int two[] = {pipe.b, pipe.b};
    FACT(send_fds(pair.a, "x", two, 2) == 1);
    close(pipe.b);
    char what[32];
    snprintf(what, sizeof what, "room %zu", room);
    RECEIVE(what, pair.b, .payload = 16, .control = room);
    const size_t fit = room > creds ? that_fit(2, room - creds) : 0;
    FACT(seen.count == fit && ((seen.flags & MSG_CTRUNC) != 0) == (fit < 2));
    drop();
    FACT(hung_up(pipe.a));
    close(pipe.a);
  }
}

static void show_order(void) {
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    set(pair.b, SO_PASSCRED, 1);
    const int two[] = {make_file("one"), make_file("two")};
    FACT(send_fds(pair.a, "x", two, 2) == 1);
    RECEIVE("both", pair.b, .payload = 16, .control = 256);
    FACT(seen.items == 2 && seen.types[0] == SCM_CREDENTIALS && seen.types[1] == SCM_RIGHTS && seen.count == 2);
    FACT(seen.flags == 0);
    drop();
    /* A kernel before 6.5 does not know the option. */
    const int on = 1;
    if (setsockopt(pair.b, SOL_SOCKET, so_passpidfd, &on, sizeof on) == 0) {
      FACT(send_fds(pair.a, "x", two, 2) == 1);
      RECEIVE("and a pidfd", pair.b, .payload = 16, .control = 256);
      FACT(seen.items == 3 && seen.types[0] == SCM_CREDENTIALS && seen.pidfd >= 0 && seen.count == 2);
      drop();
    }
  }
}

static void show_least_room(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  set(pair.b, SO_PASSCRED, 1);
  const int file = make_file("file");
  struct control control = {.size = 0};
  add_creds(&control, getpid(), getuid(), getgid());
  add_rights(&control, &file, 1);
  FACT(control.size == CMSG_SPACE(sizeof(struct ucred)) + CMSG_LEN(sizeof(int)));
  FACT(send_control(pair.a, "x", 1, &control, 0) == 1);
  RECEIVE("without the last padding", pair.b, .payload = 16, .control = control.size);
  FACT(seen.count == 1 && seen.has_creds && seen.flags == 0 && seen.control_size == control.size);
}

static void show_last_size(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int files[] = {make_file("one"), make_file("two"), make_file("three")};
  for (size_t count = 1; count <= 3; ++count) {
    for (size_t more = 0; more <= 20; ++more) {
      const size_t room = CMSG_LEN(count * sizeof(int)) + more;
      FACT(send_fds(pair.a, "x", files, count) == 1);
      RECEIVE("last", pair.b, .payload = 16, .control = room);
      FACT(seen.control_size == at_most(CMSG_SPACE(count * sizeof(int)), room) && seen.flags == 0);
      FACT(seen.count == count);
      drop();
    }
  }
}

static void show_partial_number(void) {
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int files[] = {make_file("one"), make_file("two")};
  for (size_t size = 0; size <= 2 * sizeof(int); ++size) {
    struct control control = {.size = 0};
    add_item(&control, SOL_SOCKET, SCM_RIGHTS, files, size);
    char what[32];
    snprintf(what, sizeof what, "%zu bytes", size);
    say_sent(what, send_control(pair.a, "x", 1, &control, 0));
    RECEIVE(what, pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.returned == 1 && seen.count == size / sizeof(int) && seen.flags == 0);
    drop();
  }
}

static void show_layout(void) {
  say("header %zu, space of 1 %zu, of 2 %zu, of 3 %zu, of credentials %zu", HEADER, CMSG_SPACE(4), CMSG_SPACE(8),
      CMSG_SPACE(12), CMSG_SPACE(sizeof(struct ucred)));
  say("msghdr %zu, mmsghdr %zu, iovec %zu", sizeof(struct msghdr), sizeof(struct mmsghdr), sizeof(struct iovec));
  const bool narrow = sizeof(long) == 4;
  FACT(HEADER == (narrow ? 12 : 16) && sizeof(struct msghdr) == (narrow ? 28 : 56));
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int files[] = {make_file("one"), make_file("two"), make_file("three")};
  FACT(send_fds(pair.a, "x", files, 3) == 1);
  RECEIVE("three into the space of one", pair.b, .payload = 16, .control = CMSG_SPACE(sizeof(int)));
  FACT(seen.count == (narrow ? 1 : 2) && seen.flags == MSG_CTRUNC); /* padding is room */
  drop();
  set(pair.b, SO_PASSCRED, 1);
  FACT(send_fds(pair.a, "x", files, 3) == 1);
  RECEIVE("credentials and three", pair.b, .payload = 16, .control = 256);
  FACT(seen.control_size == (narrow ? 24 + 24 : 32 + 32));
  drop();
  /* What trails the last item, and less than a header: i386 is stricter. */
  for (size_t more = 0; more <= HEADER; ++more) {
    struct control control = {.size = 0};
    add_rights(&control, files, 2);
    memset(control.bytes + control.size, 0, HEADER);
    control.size += more;
    const long sent = say_sent("trailing", send_control(pair.a, "x", 1, &control, 0));
    FACT(sent == (more == 0 || (!narrow && more < HEADER) ? 1 : -1) && (sent == 1 || errno == EINVAL));
    if (sent == 1) RECEIVE("trailing", pair.b, .payload = 16, .control = 256);
    drop();
    control.size = more;
    const long alone = say_sent("less than a header", send_control(pair.a, "x", 1, &control, 0));
    if (more != HEADER) FACT(alone == (narrow && more != 0 ? -1 : 1));
    if (alone == 1) RECEIVE("less than a header", pair.b, .payload = 16, .control = 256);
  }
}

static void show_cut_payload(void) {
  for (size_t type = 0; type != COUNT(types); ++type) {
    const struct ends pair = make_pair(types[type]);
    const int file = make_file("file");
    const bool stream = types[type] == SOCK_STREAM;
    say("%s", type_names[type]);
    FACT(send_fds(pair.a, "abcdef", &file, 1) == 6);
    RECEIVE("short", pair.b, .payload = 2, .control = 64);
    FACT(seen.returned == 2 && seen.count == 1 && seen.flags == (stream ? 0 : MSG_TRUNC));
    drop();
    RECEIVE("the rest", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
    FACT(stream ? seen.returned == 4 : seen.error == EAGAIN);
    FACT(send_text(pair.a, "abcdef") == 6);
    RECEIVE("short, MSG_TRUNC", pair.b, .payload = 2, .control = 64, .flags = MSG_TRUNC);
    FACT(seen.returned == (stream ? 2 : 6));
    RECEIVE("the rest", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
    if (stream) continue;
    FACT(send_text(pair.a, "abcdef") == 6);
    RECEIVE("no payload", pair.b, .payload = 0, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.returned == 0 && seen.flags == MSG_TRUNC);
    FACT(send_text(pair.a, "abcdef") == 6);
    RECEIVE("no payload, peek, MSG_TRUNC", pair.b, .payload = 0, .control = 64, .flags = MSG_PEEK | MSG_TRUNC);
    FACT(seen.returned == 6 && seen.flags == MSG_TRUNC);
    RECEIVE("whole", pair.b, .payload = 6, .control = 64, .flags = MSG_DONTWAIT | MSG_TRUNC);
    FACT(seen.returned == 6 && seen.flags == 0);
  }
}

const struct behaviour truncation[] = {{"1", show_rights_cut},        {"2", show_room_for_header},
                                       {"3", show_no_control},        {"4", show_input_flags},
                                       {"5", show_creds_cut},         {"6", show_no_room_for_header},
                                       {"7", show_creds_then_rights}, {"8", show_order},
                                       {"23", show_least_room},       {"24", show_last_size},
                                       {"25", show_partial_number},   {"26", show_layout},
                                       {"27", show_cut_payload},      {NULL, NULL}};
