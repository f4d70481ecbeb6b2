/* The text of what a behaviour shows: nothing in it differs from one run to the next. */
#include "behaviours.h"

#include <stdarg.h>

static bool held = true;

void say(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
}

void fact(bool holds, const char* text, const char* file, int line) {
  if (holds) return;
  held = false;
  const char* slash = strrchr(file, '/');
  say("NOT SO: %s (%s:%d)", text, slash != NULL ? slash + 1 : file, line);
}

long need(long value, const char* text, const char* file, int line) {
  if (value != -1) return value;
  say("FAILED: %s: %s (%s:%d)", text, error_name(errno), file, line);
  fflush(NULL);
  _exit(3);
}

bool all_facts_held(void) { return held; }
void forget_facts(void) { held = true; }

const char* error_name(int error) {
  const char* name = error == 0 ? "ok" : strerrorname_np(error);
  static char other[32];
  if (name != NULL) return name;
  snprintf(other, sizeof other, "errno %d", error);
  return other;
}

const char* flag_names(unsigned flags) {
  static const struct {
    unsigned flag;
    const char* name;
  } known[] = {{MSG_CTRUNC, "CTRUNC"}, {MSG_TRUNC, "TRUNC"},       {MSG_EOR, "EOR"},
               {MSG_OOB, "OOB"},       {MSG_ERRQUEUE, "ERRQUEUE"}, {MSG_CMSG_CLOEXEC, "CMSG_CLOEXEC"}};
  static char texts[4][128];
  static unsigned turn;
  char* const text = texts[turn++ % COUNT(texts)];
  text[0] = '\0';
  for (size_t i = 0; i != COUNT(known); ++i) {
    if ((flags & known[i].flag) == 0) continue;
    strcat(text, text[0] != '\0' ? "|" : "");
    strcat(text, known[i].name);
    flags &= ~known[i].flag;
  }
  if (flags != 0 || text[0] == '\0') sprintf(text + strlen(text), "%s%#x", text[0] != '\0' ? "|" : "", flags);
  return text;
}

int lowest_free(void) {
  const int number = fcntl(0, F_DUPFD_CLOEXEC, 0);
  if (number >= 0) close(number);
  return number;
}

void say_table(void) {
  char line[4096] = "";
  size_t used = 0;
  for (int number = 3; number != 1024 && used + 128 < sizeof line; ++number) {
    const int flags = fcntl(number, F_GETFD);
    if (flags < 0) continue;
    used += (size_t)snprintf(line + used, sizeof line - used, " %d=%s%s:%#x", number, name_of(number),
                             (flags & FD_CLOEXEC) != 0 ? "!" : "", (unsigned)fcntl(number, F_GETFL));
  }
  say("open:%s", line);
}
