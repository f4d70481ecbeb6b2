/* Signals: of a broken connection, and to a call that waits. */
#include "behaviours.h"

#include <pthread.h>

/* --- SIGPIPE ------------------------------------------------------------------------------------------------------ */

struct breaking {
  int socket, flags;
  bool blocked, stream; /* other sockets raise no SIGPIPE */
  pid_t thread;
};

static void* send_to_nobody(void* argument) {
  struct breaking* const how = argument;
  how->thread = this_thread();
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(how->blocked ? SIG_BLOCK : SIG_UNBLOCK, &pipe, NULL);
  const long sent = say_sent("to nobody", send_control(how->socket, "x", 1, NULL, how->flags));
  FACT(sent == -1 && errno == EPIPE);
  if (how->blocked) {
    const struct timespec none = {0};
    const int pending = sigtimedwait(&pipe, NULL, &none);
    say("  pending in the thread: %d", pending == SIGPIPE);
    FACT((pending == SIGPIPE) == (how->stream && how->flags == 0));
  }
  return NULL;
}

static void die_of_it(void* argument) {
  signal(SIGPIPE, SIG_DFL);
  send_text(*(int*)argument, "x");
  say("it lives");
}

static void go_on_with_it_ignored(void* argument) {
  signal(SIGPIPE, SIG_IGN);
  FACT(say_sent("ignored", send_text(*(int*)argument, "x")) == -1 && errno == EPIPE);
}

static void show_broken_pipe(void) {
  static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    struct ends pair = make_pair(types[type]);
    close(pair.b);
    handle(SIGPIPE, 0);
    for (int variant = 0; variant != 4; ++variant) {
      struct breaking how = {.socket = pair.a,
                             .flags = (variant & 1) != 0 ? MSG_NOSIGNAL : 0,
                             .blocked = (variant & 2) != 0,
                             .stream = types[type] == SOCK_STREAM};
      shared->handled = 0;
      shared->handler_thread = 0;
      say("%s%s%s", type == 0 ? "stream" : "seqpacket", how.flags != 0 ? ", MSG_NOSIGNAL" : "",
          how.blocked ? ", blocked" : "");
      pthread_t thread;
      NEED(pthread_create(&thread, NULL, send_to_nobody, &how) == 0 ? 0 : -1);
      pthread_join(thread, NULL);
      say("  %d handled%s", shared->handled,
          shared->handled == 0                   ? ""
          : shared->handler_thread == how.thread ? ", in the thread"
                                                 : ", elsewhere");
      FACT(shared->handled == (how.stream && variant == 0 ? 1 : 0));
      FACT(shared->handled == 0 || shared->handler_thread == how.thread);
      sigset_t pending;
      sigpending(&pending);
      FACT(!sigismember(&pending, SIGPIPE)); /* not for the process */
    }
    pid_t child = start(die_of_it, &pair.a);
    const int end = finish(child);
    say("by default: %d", end);
    FACT(end == (types[type] == SOCK_STREAM ? -SIGPIPE : 0));
    child = start(go_on_with_it_ignored, &pair.a);
    FACT(finish(child) == 0);
    /* Of an array the first call tells. */
    struct iovec part = {.iov_base = (char*)(uintptr_t)"x", .iov_len = 1};
    struct mmsghdr array[2] = {{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
                               {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}}};
    shared->handled = 0;
    FACT(say_sent("two", do_sendmmsg(pair.a, array, 2, 0)) == -1 && errno == EPIPE);
    say("  %d handled", shared->handled);
    FACT(shared->handled == (types[type] == SOCK_STREAM ? 1 : 0));
    close(pair.a);
  }
}

/* Who sent it: the kernel, in the name of the thread's process. */
static siginfo_t told;
static void tell(int signal, siginfo_t* info, void* context) {
  (void)signal;
  (void)context;
  told = *info;
}

static void show_sender_of_signal(void) {
  const struct sigaction action = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};
  NEED(sigaction(SIGPIPE, &action, NULL));
  const struct ends pair = make_pair(SOCK_STREAM);
  close(pair.b);
  FACT(send_text(pair.a, "x") == -1 && errno == EPIPE);
  say("si_code %d, of %s, user %d", told.si_code, pid_name(told.si_pid), (int)told.si_uid);
  FACT(told.si_code == SI_USER && told.si_pid == getpid());
}

/* --- signals ------------------------------------------------------------------------------------------------------ */

static void* sleep_on(void* argument) {
  sigset_t all;
  sigfillset(&all);
  if (argument != NULL) pthread_sigmask(SIG_BLOCK, &all, NULL);
  for (;;) pause();
  return NULL;
}

static void disturbed_receive(const char* what, int type, int flags, int timeout, bool only_thread) {
  const struct ends pair = make_pair(type);
  handle(SIGUSR1, flags);
  shared->handled = 0;
  if (timeout != 0) set_time(pair.b, SO_RCVTIMEO, timeout);
  const bool restarts = (flags & SA_RESTART) != 0 && timeout == 0;
  struct disturbing how = {getpid(), this_thread(), restarts ? pair.a : -1, only_thread, false};
  const pid_t child = start(disturb, &how);
  RECEIVE(what, pair.b, .payload = 16, .control = 64);
  FACT(restarts ? seen.returned == 5 : seen.error == EINTR);
  FACT(finish(child) == 0);
  say("  handled %s", shared->handled != 0 ? "it" : "none");
  /* Nothing was taken by a call that was interrupted. */
  FACT(send_text(pair.a, "next") == 4);
  RECEIVE("  next", pair.b, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);
  FACT(seen.returned == 4);
  close_ends(pair);
}

static void disturbed_send(const char* what, int type, int flags, int timeout) {
  const struct ends pair = make_pair(type);
  handle(SIGUSR1, flags);
  shared->handled = 0;
  fill(pair.a);
  if (timeout != 0) set_time(pair.a, SO_SNDTIMEO, timeout);
  const bool restarts = (flags & SA_RESTART) != 0 && timeout == 0;
  struct disturbing how = {getpid(), this_thread(), restarts ? pair.b : -1, true, true};
  const pid_t child = start(disturb, &how);
  const int file = make_file("file");
  const long sent = say_sent(what, send_fds(pair.a, "x", &file, 1));
  FACT(restarts ? sent == 1 : sent == -1 && errno == EINTR);
  FACT(finish(child) == 0);
  char bytes[65536];
  while (recv(pair.b, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
  close(file);
  close_ends(pair);
}

static void disturbed_array(const char* what, int queued, int flags) {
  const struct ends pair = make_pair(SOCK_DGRAM);
  handle(SIGUSR1, flags);
  shared->handled = 0;
  for (int i = 0; i != queued; ++i) FACT(send_text(pair.a, "x") == 1);
  struct disturbing how = {getpid(), this_thread(), -1, true, false};
  char bytes[4][16];
  struct iovec parts[4];
  struct mmsghdr array[4];
  memset(array, 0, sizeof array);
  for (size_t i = 0; i != COUNT(array); ++i) {
    parts[i] = (struct iovec){bytes[i], sizeof bytes[i]};
    array[i].msg_hdr.msg_iov = &parts[i];
    array[i].msg_hdr.msg_iovlen = 1;
  }
  const pid_t child = start(disturb, &how);
  const long got = say_sent(what, do_recvmmsg(pair.b, array, COUNT(array), 0, NULL));
  FACT(queued != 0 ? got == queued : got == -1 && errno == EINTR);
  FACT(finish(child) == 0);
  close_ends(pair);
}

static void show_interruptions(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (size_t type = 0; type != COUNT(types); ++type) {
    say("type %zu", type);
    disturbed_receive("no SA_RESTART", types[type], 0, 0, true);
    disturbed_receive("SA_RESTART", types[type], SA_RESTART, 0, true);
    disturbed_receive("a timeout", types[type], 0, 15000, true);
    disturbed_receive("a timeout, SA_RESTART", types[type], SA_RESTART, 15000, true);
    disturbed_send("sending, no SA_RESTART", types[type], 0, 0);
    disturbed_send("sending, SA_RESTART", types[type], SA_RESTART, 0);
    disturbed_send("sending, a timeout, SA_RESTART", types[type], SA_RESTART, 15000);
  }
  disturbed_array("an array, empty", 0, 0);
  disturbed_array("an array, one there", 1, 0);
  disturbed_array("an array, two there, SA_RESTART", 2, SA_RESTART);
  disturbed_receive("for the process", SOCK_STREAM, 0, 0, false);
  /* Threads that have all signals blocked get none that is for the process. */
  pthread_t threads[3];
  for (size_t i = 0; i != COUNT(threads); ++i) pthread_create(&threads[i], NULL, sleep_on, &threads);
  disturbed_receive("for the process, of several threads", SOCK_STREAM, 0, 0, false);
  disturbed_receive("for the process, SA_RESTART", SOCK_SEQPACKET, SA_RESTART, 0, false);
  disturbed_receive("for the thread, of several", SOCK_DGRAM, 0, 0, true);
}

/* A signal for the process that another thread could have taken as well. */
static void show_several_threads(void) {
  pthread_t threads[3];
  for (size_t i = 0; i != COUNT(threads); ++i) pthread_create(&threads[i], NULL, sleep_on, NULL);
  disturbed_receive("for the process, of threads that would take it", SOCK_SEQPACKET, SA_RESTART, 0, false);
}

/* Ignored and blocked signals, and those that stop and continue, end no wait; nor do any with a default of nothing. */
static void disturb_in_vain(void* argument) {
  const struct disturbing* const how = argument;
  until_asleep(how->process, how->thread);
  static const int vain[] = {SIGUSR2, SIGTERM, SIGCHLD, SIGWINCH, SIGURG};
  for (size_t i = 0; i != COUNT(vain); ++i) {
    kill(how->process, vain[i]);
    sleep_ms(20);
  }
  until_asleep(how->process, how->thread);
  send_text(how->socket, "after");
}

static void show_undisturbed(void) {
  const struct ends pair = make_pair(SOCK_STREAM);
  handle(SIGUSR1, 0);
  handle(SIGUSR2, 0);
  signal(SIGTERM, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  struct disturbing how = {getpid(), this_thread(), pair.a, false, false};
  const pid_t child = start(disturb_in_vain, &how);
  RECEIVE("through them all", pair.b, .payload = 16, .control = 64);
  FACT(seen.returned == 5);
  FACT(finish(child) == 0);
  say("%d handled", shared->handled);
  sigprocmask(SIG_UNBLOCK, &blocked, NULL);
  say("%d handled when it was let through", shared->handled);
  FACT(shared->handled == 1);
}

/* A process stops and goes on in the middle of a call, which then gets what it waited for. */
static void receive_one(void* argument) {
  RECEIVE("after it had stopped", *(int*)argument, .payload = 16, .control = 64);
  FACT(seen.returned == 5);
}

/* Whether a child stops (or goes on), within some seconds. */
static bool changes(pid_t child, int options) {
  int status = 0;
  for (int i = 0; i != 300; ++i) {
    if (waitpid(child, &status, options | WNOHANG) == child) {
      return options == WUNTRACED ? WIFSTOPPED(status) : WIFCONTINUED(status);
    }
    sleep_ms(10);
  }
  return false;
}

static void show_stops(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  static const int stops[] = {SIGSTOP, SIGTSTP, SIGSTOP};
  for (size_t type = 0; type != COUNT(types); ++type) {
    struct ends pair = make_pair(types[type]);
    const pid_t child = start(receive_one, &pair.b);
    setpgid(child, child);
    until_asleep(child, child);
    kill(child, stops[type]);
    FACT(changes(child, WUNTRACED));
    kill(child, SIGCONT);
    FACT(changes(child, WCONTINUED));
    until_asleep(child, child);
    FACT(send_text(pair.a, "after") == 5);
    FACT(finish(child) == 0);
    say("it stopped and went on");
    close_ends(pair);
  }
}

const struct behaviour signals[] = {{"33", show_broken_pipe},
                                    {"sender of a signal", show_sender_of_signal},
                                    {"35", show_interruptions},
                                    {"several threads", show_several_threads},
                                    {"no interruption", show_undisturbed},
                                    {"stops", show_stops},
                                    {NULL, NULL}};
