/* Exits with 0 when no descriptor is open but 0 to 2 and those whose numbers are its arguments; else names one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int main(int argc, char** argv) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  for (int number = 3; number < (int)limit.rlim_cur; ++number) {
    int known = 0;
    for (int i = 1; i < argc; ++i) known |= atoi(argv[i]) == number;
    if (!known && fcntl(number, F_GETFD) >= 0) {
      fprintf(stderr, "descriptor %d was inherited\n", number);
      return 1;
    }
  }
  return 0;
}
