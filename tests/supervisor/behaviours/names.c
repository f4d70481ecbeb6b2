/* Names of sockets: bytes of a length, and paths of the program's own. */
#include "behaviours.h"

static const socklen_t family = offsetof(struct sockaddr_un, sun_path);

static void say_name(const char* what, int socket) {
  struct sockaddr_un name;
  socklen_t size = sizeof name;
  memset(&name, 0xaa, sizeof name);
  NEED(getsockname(socket, (struct sockaddr*)&name, &size));
  say("%s: name of %u", what, (unsigned)size);
}

static void try_name(const char* what, const void* name, socklen_t size, int expected) {
  const int receiver = make_socket(SOCK_DGRAM), sender = make_socket(SOCK_DGRAM);
  if (bind(receiver, name, size) != 0) {
    say("%s: bind: %s", what, error_name(errno));
  } else {
    say_name(what, receiver);
    const int file = make_file("file");
    struct control control = {.size = 0};
    add_rights(&control, &file, 1);
    const long sent = say_sent(what, send_to(sender, "abc", name, size, &control));
    FACT(expected == 0 ? sent == 3 : sent == -1 && errno == expected);
    if (sent == 3) RECEIVE(what, receiver, .payload = 16, .control = 64, .name = 110);
    /* From the named one to itself: the sender's name is told. */
    const long own = say_sent("from it", send_to(receiver, "def", name, size, NULL));
    if (own == 3) {
      RECEIVE("from it", receiver, .payload = 16, .control = 64, .name = sizeof seen.name);
      FACT(memcmp(seen.name, name, seen.name_size < size ? seen.name_size : size) == 0);
    }
    close(file);
  }
  drop();
  close(receiver);
  close(sender);
}

static void send_from_folder(void* argument) {
  const char* folder = argument;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  const int sender = make_socket(SOCK_DGRAM);
  strcpy(name.sun_path, "here");
  const socklen_t size = family + 5;
  FACT(say_sent("from another folder", send_to(sender, "x", &name, size, NULL)) == -1 && errno == ENOENT);
  NEED(chdir(folder));
  FACT(say_sent("from the folder", send_to(sender, "x", &name, size, NULL)) == 1);
  NEED(chroot(folder));
  NEED(chdir("/"));
  strcpy(name.sun_path, "/here");
  FACT(say_sent("from the root", send_to(sender, "x", &name, family + 6, NULL)) == 1);
  strcpy(name.sun_path, "/../../here");
  FACT(say_sent("no way out", send_to(sender, "x", &name, family + 12, NULL)) == 1);
}

static void send_as_nobody(void* argument) {
  const struct sockaddr_un* name = argument;
  NEED(setresgid(nobody, nobody, nobody));
  NEED(setresuid(nobody, nobody, nobody));
  const int sender = make_socket(SOCK_DGRAM);
  FACT(say_sent("as nobody", send_to(sender, "x", name, sizeof *name, NULL)) == -1 && errno == EACCES);
}

static void show_names(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  /* Bound by the kernel: at bind(2), and at a send of one that passes credentials. */
  const int one = make_socket(SOCK_DGRAM), two = make_socket(SOCK_DGRAM);
  NEED(bind(one, (struct sockaddr*)&name, family));
  say_name("bound by itself", one);
  socklen_t size = sizeof name;
  NEED(getsockname(one, (struct sockaddr*)&name, &size));
  FACT(size == family + 6 && name.sun_path[0] == '\0');
  set(two, SO_PASSCRED, 1);
  say_name("before", two);
  FACT(say_sent("to it", send_to(two, "x", &name, size, NULL)) == 1);
  say_name("after", two);
  RECEIVE("from one that was bound by sending", one, .payload = 16, .control = 64, .name = 110);
  FACT(seen.name_size == family + 6);
  close(one);
  close(two);

  NEED(unshare(CLONE_NEWNET)); /* where abstract names are ours alone */
  const struct {
    const char* what;
    const char* text;
    socklen_t size;
  } abstracts[] = {{"with a NUL in it", "\0a\0b", 4}, {"NUL alone", "\0", 1},        {"two", "\0\0", 2},
                   {"ends in NUL", "\0a\0", 3},       {"ends not in NUL", "\0a", 2}, {"bytes", "\0\xff\x01\n", 4}};
  for (size_t i = 0; i != COUNT(abstracts); ++i) {
    memset(&name, 'z', sizeof name);
    name.sun_family = AF_UNIX;
    memcpy(name.sun_path, abstracts[i].text, abstracts[i].size);
    try_name(abstracts[i].what, &name, family + abstracts[i].size, 0);
  }
  memset(name.sun_path, 0, sizeof name.sun_path);
  try_name("108 NULs", &name, sizeof name, 0);
  memset(name.sun_path + 1, 'n', sizeof name.sun_path - 1);
  try_name("108 bytes", &name, sizeof name, 0);
  const int receiver = make_socket(SOCK_DGRAM), sender = make_socket(SOCK_DGRAM);
  NEED(bind(receiver, (struct sockaddr*)&name, family + 10));
  FACT(say_sent("a longer one", send_to(sender, "x", &name, family + 11, NULL)) == -1 && errno == ECONNREFUSED);
  FACT(say_sent("a shorter one", send_to(sender, "x", &name, family + 9, NULL)) == -1 && errno == ECONNREFUSED);
  FACT(say_sent("the one", send_to(sender, "x", &name, family + 10, NULL)) == 1);

  /* Paths: short, of 108 bytes without an end, relative ones. */
  char folder[] = "/tmp/behaviours-XXXXXX";
  if (mkdtemp(folder) == NULL) NEED(-1);
  char home[256];
  if (getcwd(home, sizeof home) == NULL) NEED(-1);
  memset(name.sun_path, 'p', sizeof name.sun_path);
  memcpy(name.sun_path, folder, sizeof folder - 1);
  name.sun_path[sizeof folder - 1] = '/';
  try_name("a path of 108", &name, sizeof name, 0);
  char path[128] = "";
  memcpy(path, name.sun_path, sizeof name.sun_path);
  unlink(path);
  memset(name.sun_path, 0, sizeof name.sun_path);
  snprintf(name.sun_path, sizeof name.sun_path, "%s/whole", folder);
  try_name("a path and more", &name, sizeof name, 0);
  FACT(say_sent("nobody is bound any more", send_to(sender, "x", &name, sizeof name, NULL)) == -1 &&
       errno == ECONNREFUSED);
  unlink(name.sun_path);
  FACT(say_sent("no file", send_to(sender, "x", &name, sizeof name, NULL)) == -1 && errno == ENOENT);
  snprintf(name.sun_path, sizeof name.sun_path, "%s", folder);
  FACT(say_sent("a folder", send_to(sender, "x", &name, sizeof name, NULL)) == -1 && errno == ECONNREFUSED);
  NEED(chdir(folder));
  memset(name.sun_path, 0, sizeof name.sun_path);
  strcpy(name.sun_path, "here");
  try_name("relative", &name, family + 5, 0);
  unlink("here");
  const int here = make_socket(SOCK_DGRAM);
  NEED(bind(here, (struct sockaddr*)&name, family + 4)); /* without its NUL */
  NEED(symlink("here", "link"));
  strcpy(name.sun_path, "link");
  FACT(say_sent("through a link", send_to(sender, "x", &name, family + 5, NULL)) == 1);
  NEED(unlink("link"));
  NEED(chdir(home));
  pid_t child = start(send_from_folder, folder);
  FACT(finish(child) == 0);
  for (int i = 0; i != 5; ++i) RECEIVE("here", here, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
  /* What a user may not write to. */
  memset(name.sun_path, 0, sizeof name.sun_path);
  snprintf(name.sun_path, sizeof name.sun_path, "%s/here", folder);
  NEED(chmod(folder, 0755));
  NEED(chmod(name.sun_path, 0700));
  child = start(send_as_nobody, &name);
  FACT(finish(child) == 0);
  RECEIVE("nothing", here, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
  unlink(name.sun_path);
  rmdir(folder);
}

static socklen_t abstract(struct sockaddr_un* name, const char* tag) {
  memset(name, 0, sizeof *name);
  name->sun_family = AF_UNIX;
  const int size =
      snprintf(name->sun_path + 1, sizeof name->sun_path - 1, "scm-behaviours-%08d-%s", (int)getpid(), tag);
  return (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)size;
}

static void show_name_sizes(void) {
  const int receiver = make_socket(SOCK_DGRAM), unnamed = make_socket(SOCK_DGRAM), named = make_socket(SOCK_DGRAM);
  struct sockaddr_un to, from;
  const socklen_t to_size = abstract(&to, "to"), from_size = abstract(&from, "from");
  NEED(bind(receiver, (struct sockaddr*)&to, to_size));
  NEED(bind(named, (struct sockaddr*)&from, from_size));
  for (size_t room = 0; room <= sizeof from; room += room < 20 ? 1 : 15) {
    FACT(send_to(named, "x", &to, to_size, NULL) == 1);
    RECEIVE("room for a name", receiver, .payload = 16, .control = 64, .name = room);
    FACT(room == 0 || seen.name_size == from_size);
    const size_t copied = room < from_size ? room : from_size;
    FACT(memcmp(seen.name, &from, copied) == 0 && seen.name[copied] == 0xaa);
  }
  FACT(send_to(unnamed, "x", &to, to_size, NULL) == 1);
  RECEIVE("of one without a name", receiver, .payload = 16, .control = 64, .name = 110);
  FACT(seen.name_size == 0);
  const struct ends stream = make_pair(SOCK_STREAM);
  FACT(send_text(stream.a, "x") == 1);
  RECEIVE("of a stream", stream.b, .payload = 16, .control = 64, .name = 110);
  FACT(seen.name_size == 0);

  /* Sizes: negative, larger than any address, without an address. */
  unsigned char* const edge = pages(2, 1) + PAGE;
  memcpy(edge - 128, &to, sizeof to);
  struct iovec part = {.iov_base = edge - 200, .iov_len = 1};
  const struct ends packets = make_pair(SOCK_SEQPACKET);
  const struct {
    const char* what;
    int socket;
    void* name;
    socklen_t size;
  } sizes[] = {{"negative", unnamed, edge - 128, (socklen_t)-1},
               {"least", unnamed, edge - 128, (socklen_t)INT32_MIN},
               {"larger than any", unnamed, edge - 128, 200},
               {"larger than any, not looked at", packets.a, edge - 128, 200},
               {"of a stream", stream.a, edge - 128, to_size},
               {"null", packets.a, NULL, 100},
               {"null, negative", packets.a, NULL, (socklen_t)-1},
               {"too short", unnamed, edge - 128, 1},
               {"family alone", unnamed, edge - 128, 2},
               {"none", unnamed, edge - 128, 0},
               {"nowhere", packets.a, NOWHERE, 20},
               {"beyond the end", packets.a, edge - 100, 110},
               {"nobody's", unnamed, &from, from_size - 1},
               {"one's", unnamed, &to, to_size}};
  for (size_t i = 0; i != COUNT(sizes); ++i) {
    struct msghdr header = {.msg_name = sizes[i].name, .msg_namelen = sizes[i].size, .msg_iov = &part, .msg_iovlen = 1};
    const long sent = say_sent(sizes[i].what, do_sendmsg(sizes[i].socket, &header, 0));
    if (strncmp(sizes[i].what, "negative", 8) == 0) FACT(sent == -1 && errno == EINVAL);
    if (sizes[i].socket == stream.a) FACT(sent == -1 && errno == EISCONN);
    if (strncmp(sizes[i].what, "larger than any, not", 20) == 0) FACT(sent == 1);
    header.msg_name = edge - 128;
    if (sent == 1) RECEIVE("it", sizes[i].socket == packets.a ? packets.b : receiver, .payload = 16, .control = 64);
  }
  /* Receiving with a size that is none. */
  FACT(send_to(named, "x", &to, to_size, NULL) == 1);
  static const socklen_t rooms[] = {(socklen_t)-1, (socklen_t)INT32_MIN, 4000};
  for (size_t i = 0; i != COUNT(rooms); ++i) {
    char name[256];
    struct msghdr header = {.msg_name = name, .msg_namelen = rooms[i], .msg_iov = &part, .msg_iovlen = 1};
    const long got = do_recvmsg(receiver, &header, MSG_DONTWAIT);
    say_sent("received with a size", got);
    FACT(i == 2 ? got == 1 && header.msg_namelen == from_size : got == -1 && errno == EINVAL);
  }
  FACT(send_to(named, "x", &to, to_size, NULL) == 1);
  struct msghdr header = {.msg_name = NOWHERE, .msg_namelen = 100, .msg_iov = &part, .msg_iovlen = 1};
  FACT(say_sent("with a name that is nowhere", do_recvmsg(receiver, &header, MSG_DONTWAIT)) == -1 && errno == EFAULT);
}

const struct behaviour names[] = {{"29", show_name_sizes}, {"45", show_names}, {NULL, NULL}};
