/* behaviours NAME [direct|socketcall|time64]: shows what a program sees of one behaviour of the kernel, as text that is
   the same each time. Status 0 when everything was as the kernel does it. Without arguments: the names. For one
   behaviour the same program of the other layout is needed: BEHAVIOURS_OTHER is its path. */
#include "behaviours.h"

static const struct behaviour* const all[] = {truncation, identity, rules,   names, streams,     faults,
                                              signals,    waits,    batches, kinds, surroundings};

int main(int argc, char** argv) {
  shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 3;
  if (argc < 4) syscall(SYS_close_range, 3, ~0U, 0); /* so that numbers are the same */
  alarm(50); /* whatever hangs ends as SIGALRM, with what there is of the text */
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  if (argc > 2)
    way = strcmp(argv[2], "socketcall") == 0 ? way_socketcall : strcmp(argv[2], "time64") == 0 ? way_time64 : 0;
  if (argc == 4 && strcmp(argv[1], "peer") == 0) return be_peer(atoi(argv[3]));
  for (size_t group = 0; group != COUNT(all); ++group) {
    for (const struct behaviour* one = all[group]; one->name != NULL; ++one) {
      if (argc < 2) {
        puts(one->name);
      } else if (strcmp(argv[1], one->name) == 0) {
        one->show();
        drop();
        say_table();
        say("end");
        fflush(NULL);
        return all_facts_held() ? 0 : 1;
      }
    }
  }
  fflush(NULL);
  return argc < 2 ? 0 : 2;
}
