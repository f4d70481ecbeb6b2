/* Calls that wait: how long, for how much, and who learns of an end. */
#include "behaviours.h"

/* --- timeouts ----------------------------------------------------------------------------------------------------- */

/* Whether it took what it should, within what a loaded machine adds. */
static void say_time(int64_t since, int least) {
  const int64_t took = now_ms() - since;
  FACT(took >= least - 5 && took < least + 5000);
}

static void send_later(void* argument) {
  const struct disturbing* const how = argument;
  until_asleep(how->process, how->thread);
  send_text(how->socket, "ddd");
  until_asleep(how->process, how->thread);
  const int file = make_file("file");
  send_fds(how->socket, "fff", &file, 1);
  sleep_ms(50);
  send_text(how->socket, "eee");
}

static void show_timeouts(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    struct ends pair = make_pair(types[type]);
    set_time(pair.b, SO_RCVTIMEO, 100);
    int64_t since = now_ms();
    RECEIVE("a receive times out", pair.b, .payload = 16, .control = 64);
    FACT(seen.error == EAGAIN);
    say_time(since, 100);
    fill(pair.a);
    set_time(pair.a, SO_SNDTIMEO, 100);
    since = now_ms();
    FACT(say_sent("a send times out", send_text(pair.a, "x")) == -1 && errno == EAGAIN);
    say_time(since, 100);
    since = now_ms();
    FACT(say_sent("none waits", send_control(pair.a, "x", 1, NULL, MSG_DONTWAIT)) == -1 && errno == EAGAIN);
    FACT(now_ms() - since < 5000);
    const int flags = fcntl(pair.b, F_GETFL);
    NEED(fcntl(pair.b, F_SETFL, flags | O_NONBLOCK));
    char bytes[4096];
    while (recv(pair.b, bytes, sizeof bytes, 0) > 0) {
    }
    RECEIVE("O_NONBLOCK", pair.b, .payload = 16, .control = 64);
    FACT(seen.error == EAGAIN);
    FACT(fcntl(pair.b, F_GETFL) == (flags | O_NONBLOCK));
    close_ends(pair);
  }
  /* MSG_WAITALL goes on to the descriptor, and no further. */
  struct ends pair = make_pair(SOCK_STREAM);
  struct disturbing how = {getpid(), this_thread(), pair.a, true, false};
  pid_t child = start(send_later, &how);
  RECEIVE("MSG_WAITALL", pair.b, .payload = 64, .control = 64, .flags = MSG_WAITALL);
  FACT(seen.returned == 6 && seen.count == 1);
  FACT(finish(child) == 0);
  RECEIVE("the rest", pair.b, .payload = 64, .control = 64, .flags = MSG_DONTWAIT);
  FACT(seen.returned == 3);
  close_ends(pair);
  /* A signal ends it with what there is; so does the timeout. */
  pair = make_pair(SOCK_STREAM);
  handle(SIGUSR1, 0);
  shared->handled = 0;
  FACT(send_text(pair.a, "half") == 4);
  how = (struct disturbing){getpid(), this_thread(), -1, true, false};
  child = start(disturb, &how);
  RECEIVE("MSG_WAITALL and a signal", pair.b, .payload = 64, .control = 64, .flags = MSG_WAITALL);
  FACT(seen.returned == 4 && finish(child) == 0);
  FACT(send_text(pair.a, "some") == 4);
  set_time(pair.b, SO_RCVTIMEO, 100);
  RECEIVE("MSG_WAITALL and a timeout", pair.b, .payload = 64, .control = 64, .flags = MSG_WAITALL);
  FACT(seen.returned == 4);
  FACT(send_text(pair.a, "some") == 4);
  RECEIVE("MSG_WAITALL and MSG_DONTWAIT", pair.b, .payload = 64, .control = 64, .flags = MSG_WAITALL | MSG_DONTWAIT);
  FACT(seen.returned == 4);
  FACT(send_text(pair.a, "some") == 4);
  close(pair.a);
  RECEIVE("MSG_WAITALL and the end", pair.b, .payload = 64, .control = 64, .flags = MSG_WAITALL);
  FACT(seen.returned == 4);
  close(pair.b);
  /* A large send goes on as there is room, and tells how far it came. */
  pair = make_pair(SOCK_STREAM);
  set_time(pair.a, SO_SNDTIMEO, 100);
  static char large[1 << 20];
  memset(large, 'l', sizeof large);
  const long part = send_control(pair.a, large, sizeof large, NULL, 0);
  FACT(part > 4096 && part < (long)sizeof large);
  long there = 0, got = 0;
  while ((got = recv(pair.b, large, sizeof large, MSG_DONTWAIT)) > 0) there += got;
  FACT(there == part);
  const long again = send_control(pair.a, large, sizeof large, NULL, MSG_DONTWAIT);
  say("a large one: the same part of it: %d", again == part);
}

/* Status flags are of the open file, which others have, too: they stay as they are, before, during and after a call. */
static void receive_there(void* argument) {
  RECEIVE("there", ((struct ends*)argument)->b, .payload = 16, .control = 64);
  FACT(seen.returned == 5);
}

static void show_flags(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    struct ends pair = make_pair(types[type]);
    const int before = fcntl(pair.b, F_GETFL);
    const pid_t child = start(receive_there, &pair);
    int different = 0;
    const int64_t since = now_ms();
    while (now_ms() - since < 100) different += fcntl(pair.b, F_GETFL) != before;
    until_asleep(child, child);
    for (int i = 0; i != 1000; ++i) different += fcntl(pair.b, F_GETFL) != before;
    /* Nor is a call of somebody else made one that waits, or that does not. */
    RECEIVE("another", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
    FACT(seen.error == EAGAIN);
    FACT(send_text(pair.a, "after") == 5);
    FACT(finish(child) == 0);
    FACT(different == 0 && fcntl(pair.b, F_GETFL) == before);
    close_ends(pair);
  }
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

static void receive_for_ever(void* argument) {
  struct ends* pair = argument;
  close(pair->a);
  RECEIVE("never", pair->b, .payload = 16, .control = 64);
}

static void send_for_ever(void* argument) {
  struct ends* pair = argument;
  close(pair->b);
  fill(pair->a);
  shared->stage = 1;
  send_text(pair->a, "never");
}

/* How long until the other end is gone, in ms, at most. */
static bool ends_within(int socket, int ms) {
  struct pollfd one = {.fd = socket, .events = POLLRDHUP};
  return poll(&one, 1, ms) == 1 && (one.revents & POLLHUP) != 0;
}

/* Lines of /proc/net/unix: sockets of this network namespace. */
static int socket_count(void) {
  FILE* file = fopen("/proc/net/unix", "re");
  char line[512];
  int count = -1;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) ++count;
  if (file != NULL) fclose(file);
  return count;
}

static void use_sockets(void* argument) {
  (void)argument;
  NEED(unshare(CLONE_NEWNET));
  FACT(socket_count() == 0);
  for (int i = 0; i != 20; ++i) {
    const struct ends pair = make_pair(SOCK_STREAM), other = make_pair(SOCK_SEQPACKET);
    const int many[] = {other.a, pair.a, pair.b, 0};
    FACT(send_fds(pair.a, "x", many, COUNT(many)) == 1);
    RECEIVE("sockets", pair.b, .payload = 16, .control = 64);
    drop();
    FACT(send_fds(other.a, "x", many, COUNT(many)) == 1);
    close_ends(pair);
    close_ends(other);
  }
  int left = -1;
  for (int i = 0; i != 100 && left != 0; ++i) {
    left = socket_count();
    sleep_ms(10);
  }
  say("%d sockets left", left);
  FACT(left == 0);
}

static void show_prompt_ends(void) {
  static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    struct ends pair = make_pair(types[type]);
    /* After a call, what is closed is closed. */
    FACT(send_text(pair.a, "x") == 1);
    RECEIVE("one", pair.b, .payload = 16, .control = 64);
    close(pair.b);
    FACT(ends_within(pair.a, 1000));
    close(pair.a);
    /* During a call, when the process is killed. */
    pair = make_pair(types[type]);
    pid_t child = start(receive_for_ever, &pair);
    close(pair.b);
    until_asleep(child, child);
    FACT(!ends_within(pair.a, 0));
    kill(child, SIGKILL);
    FACT(ends_within(pair.a, 1000));
    FACT(finish(child) == -SIGKILL);
    close(pair.a);
    pair = make_pair(types[type]);
    shared->stage = 0;
    child = start(send_for_ever, &pair);
    close(pair.a);
    while (shared->stage == 0) sleep_ms(5);
    until_asleep(child, child);
    kill(child, SIGKILL);
    FACT(ends_within(pair.b, 1000));
    FACT(finish(child) == -SIGKILL);
    close(pair.b);
    /* A descriptor that is passed and closed by its receiver, and one that is passed to nobody. */
    pair = make_pair(types[type]);
    const struct ends pipe = make_pipe();
    FACT(send_fds(pair.a, "x", &pipe.b, 1) == 1);
    close(pipe.b);
    RECEIVE("a pipe", pair.b, .payload = 16, .control = 64);
    drop();
    struct pollfd one = {.fd = pipe.a, .events = POLLIN};
    FACT(poll(&one, 1, 1000) == 1 && (one.revents & POLLHUP) != 0);
    close(pipe.a);
    close_ends(pair);
  }
  pid_t child = start(use_sockets, NULL);
  FACT(finish(child) == 0);
}

const struct behaviour waits[] = {{"36", show_timeouts}, {"flags", show_flags}, {"41", show_prompt_ends}, {NULL, NULL}};
