// Makes the system calls that it is told, each as ABI:NUMBER:ARGUMENT, and prints what each returned. 64 is this
// machine's way, 32 that of i386, x32 that of x32; the other arguments are 0.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long made(const char* abi, long number, long argument) {
#if defined(__x86_64__)
  if (strcmp(abi, "32") == 0) {
    long result = number;
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(argument), "c"(0), "d"(0), "S"(0), "D"(0)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
  }
  if (strcmp(abi, "x32") == 0) number |= 0x40000000;
#else
  (void)abi;
#endif
  const long result = syscall(number, argument, 0L, 0L, 0L, 0L, 0L);
  return result == -1 ? -errno : result;
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    char abi[8];
    long number = 0, argument = 0;
    if (sscanf(argv[i], "%7[^:]:%ld:%ld", abi, &number, &argument) != 3) return 2;
    printf("%ld\n", made(abi, number, argument));
    fflush(stdout);
  }
  return 0;
}
