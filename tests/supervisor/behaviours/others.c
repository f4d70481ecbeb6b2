/* Time, other processes, and signals. */
#include "behaviours.h"

struct shared* shared;
static pid_t children[64];
static size_t child_count;

const char* pid_name(pid_t pid) {
  if (pid == 0) return "0"; /* a parent is, too, that is in another namespace */
  if (pid == getpid()) return "self";
  for (size_t i = 0; i != child_count; ++i) {
    if (pid == children[i]) return "child";
  }
  if (pid == getppid()) return "parent";
  return "other";
}

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(int ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
  while (nanosleep(&time, &time) != 0 && errno == EINTR) {
  }
}

pid_t start(void (*act)(void* argument), void* argument) {
  fflush(NULL);
  const pid_t child = (pid_t)NEED(fork());
  if (child == 0) {
    child_count = 0;
    forget_facts();
    alarm(20);
    act(argument);
    fflush(NULL);
    _exit(all_facts_held() ? 0 : 1);
  }
  if (child_count != COUNT(children)) children[child_count++] = child;
  return child;
}

int finish(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1000;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

pid_t this_thread(void) { return (pid_t)syscall(SYS_gettid); }

static void note(int signal) {
  (void)signal;
  const int error = errno;
  shared->handler_thread = this_thread();
  ++shared->handled;
  errno = error;
}

void handle(int signal, int flags) {
  struct sigaction action = {.sa_handler = note, .sa_flags = flags};
  sigemptyset(&action.sa_mask);
  NEED(sigaction(signal, &action, NULL));
}

/* "S", and "D" where a signal cannot interrupt it, which is how one waits for its supervisor. */
void until_asleep(pid_t process, pid_t thread) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)process, (int)thread);
  int asleep = 0;
  for (int i = 0; i != 1000 && asleep != 3; ++i) {
    FILE* file = fopen(path, "re");
    char line[512] = "";
    if (file != NULL) {
      if (fgets(line, sizeof line, file) == NULL) line[0] = '\0';
      fclose(file);
    }
    const char* state = strrchr(line, ')');
    asleep = state != NULL && state[1] != '\0' && (state[2] == 'S' || state[2] == 'D') ? asleep + 1 : 0;
    sleep_ms(10);
  }
}

unsigned char* pages(size_t count, size_t lost) {
  unsigned char* made = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) NEED(-1);
  /* Not unmapped: another mapping could come to lie there. */
  if (lost != 0) NEED(mprotect(made + (count - lost) * PAGE, lost * PAGE, PROT_NONE));
  return made;
}

void disturb(void* argument) {
  const struct disturbing* const how = argument;
  until_asleep(how->process, how->thread);
  for (int i = 0; i != 200 && shared->handled == 0; ++i) {
    if (how->only_thread) {
      syscall(SYS_tgkill, how->process, how->thread, SIGUSR1);
    } else {
      kill(how->process, SIGUSR1);
    }
    for (int wait = 0; wait != 50 && shared->handled == 0; ++wait) sleep_ms(10);
  }
  if (how->socket < 0) return;
  until_asleep(how->process, how->thread);
  char bytes[65536];
  if (how->drain) {
    while (recv(how->socket, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
  } else {
    send_text(how->socket, "after");
  }
}

void fill(int socket) {
  static char bytes[4096];
  memset(bytes, 'f', sizeof bytes);
  while (send(socket, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
  while (send(socket, bytes, 1, MSG_DONTWAIT) > 0) {
  }
}

void set_time(int socket, int option, int ms) {
  const struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
  NEED(setsockopt(socket, SOL_SOCKET, option, &time, sizeof time));
}
