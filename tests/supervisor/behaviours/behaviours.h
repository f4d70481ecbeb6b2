/* What the behaviours are made of: calls by each way into the kernel, files with names, and a text of all that is seen.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Debian 12's headers are those of Linux 6.1. */
enum { so_passpidfd = 76, so_passrights = 83, so_inq = 84, scm_pidfd = 4, nobody = 65534 };

#define HEADER sizeof(struct cmsghdr)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* An address that is in no program. */
#define NOWHERE ((void*)8)

/* --- calls (calls.c) ---------------------------------------------------------------------------------------------- */

/* How a call gets into the kernel: on i386 by a number of its own, by socketcall(2) as glibc makes it, or, for
   recvmmsg, by the one with 64-bit time. */
enum way { way_direct, way_socketcall, way_time64 };
extern enum way way;

struct wide_time {
  int64_t seconds, nanoseconds;
};

/* As sendmsg(2) and its kin: -1 and errno. */
long do_sendmsg(int socket, const void* header, int flags);
long do_recvmsg(int socket, void* header, int flags);
long do_sendmmsg(int socket, void* headers, unsigned count, int flags);
/* `timeout` is NULL, NOWHERE, or is converted to what the call takes, and back. */
long do_recvmmsg(int socket, void* headers, unsigned count, int flags, struct wide_time* timeout);

/* --- text (text.c) ------------------------------------------------------------------------------------------------ */

/* A line of what was seen: it must be the same however the program was started. */
void say(const char* format, ...) __attribute__((format(printf, 1, 2)));
/* A fact about the kernel: where it does not hold the behaviour has failed, and the text says so. */
#define FACT(holds) fact((holds), #holds, __FILE__, __LINE__)
void fact(bool holds, const char* text, const char* file, int line);
/* For what must work for there to be a behaviour at all: ends the program. */
#define NEED(value) need((long)(value), #value, __FILE__, __LINE__)
long need(long value, const char* text, const char* file, int line);
bool all_facts_held(void);
void forget_facts(void); /* a child begins anew */

const char* error_name(int error);
/* Flags of messages: names for those that are known. In one of a few buffers. */
const char* flag_names(unsigned flags);
/* "self", "parent", "child" (any of this program's), "0", or "other". */
const char* pid_name(pid_t pid);
/* Says of every open descriptor from 3 on what it is and what flags it has. */
void say_table(void);
/* The lowest number that is free. */
int lowest_free(void);

/* --- files (files.c) ---------------------------------------------------------------------------------------------- */

/* Makes a file (an anonymous one in memory), close-on-exec, that texts call by this name. */
int make_file(const char* name);
/* Gives an open file a name: texts know it by device, inode and access. Its descriptor. */
int name_it(int descriptor, const char* name);
/* What an open descriptor is: its name, or its kind if it has none. In one of a few buffers. */
const char* name_of(int descriptor);

struct ends {
  int a, b;
};
struct ends make_pair(int type);
struct ends make_pipe(void); /* a is for reading */
int make_socket(int type);
void set(int socket, int option, int value);
void close_ends(struct ends pair);

/* --- messages (messages.c) ---------------------------------------------------------------------------------------- */

struct control {
  _Alignas(16) unsigned char bytes[2048];
  size_t size;
};
/* Adds an item, aligned, and padded if more follow. `size` is what cmsg_len says beyond the header. */
void add_item(struct control* control, int level, int type, const void* data, size_t size);
void add_rights(struct control* control, const int* descriptors, size_t count);
void add_creds(struct control* control, pid_t pid, uid_t uid, gid_t gid);

/* Sends text with control data, or without (NULL). What sendmsg(2) returns. */
long send_control(int socket, const void* bytes, size_t size, const struct control* control, int flags);
long send_fds(int socket, const char* text, const int* descriptors, size_t count);
long send_text(int socket, const char* text);
/* The same to an address, with control data or NULL. */
long send_to(int socket, const char* text, const void* name, socklen_t size, const struct control* control);
/* Says what a call that sends gave. */
long say_sent(const char* what, long returned);

/* What was received last. */
struct seen {
  long returned;
  int error;
  unsigned flags;
  size_t control_size;
  socklen_t name_size;
  unsigned char name[256], payload[8192], control[4096];
  int descriptors[300]; /* of SCM_RIGHTS */
  size_t count;
  int items;
  int types[8]; /* of items, in their order */
  bool has_creds;
  struct ucred creds;
  int pidfd; /* or a negative number */
};
extern struct seen seen;

struct request {
  size_t payload, control;
  int flags;
  size_t name;          /* room for it; none if 0 */
  unsigned input_flags; /* msg_flags before the call */
};
/* Receives and says everything that came of it; descriptors are kept open until drop(). */
#define RECEIVE(what, socket, ...) receive((what), (socket), (struct request){__VA_ARGS__})
void receive(const char* what, int socket, struct request request);
/* Says what is in a header that a call filled, whose control data was filled with 0xaa and had room for `room`. */
void say_received(const char* what, const struct msghdr* header, long returned, int error, size_t room, size_t payload);
/* Closes what was received. */
void drop(void);

/* --- time and others (others.c) ----------------------------------------------------------------------------------- */

int64_t now_ms(void);
void sleep_ms(int ms);
/* Memory that other processes of this program share. */
struct shared {
  volatile int stage, handled;
  volatile pid_t handler_thread;
};
extern struct shared* shared;
/* A process of its own that does something and ends; texts call it "child". */
pid_t start(void (*act)(void* argument), void* argument);
/* Waits for it: how it ended, as its exit status or minus its signal. */
int finish(pid_t child);
/* Installs a handler that counts in shared->handled and notes its thread. */
void handle(int signal, int flags);
pid_t this_thread(void);
/* Waits, for some seconds, until a thread sleeps in the kernel. */
void until_asleep(pid_t process, pid_t thread);
/* Somebody who disturbs a call that waits. */
struct disturbing {
  pid_t process, thread;
  int socket;       /* what is sent to it in the end, or -1 */
  bool only_thread; /* else the process, which has several */
  bool drain;       /* receive instead of sending */
};
/* Sends signals until one was handled; then, when it sleeps again, lets the call succeed. */
void disturb(void* disturbing);
/* Sends until there is no more room. */
void fill(int socket);
/* SO_RCVTIMEO, SO_SNDTIMEO */
void set_time(int socket, int option, int ms);
/* Pages, the last `lost` of which cannot be used. */
unsigned char* pages(size_t count, size_t lost);
#define PAGE ((size_t)4096)

/* --- the behaviours ----------------------------------------------------------------------------------------------- */

/* The other end of the behaviour "two layouts": what `behaviours peer WAY SOCKET` does. */
int be_peer(int socket);

struct behaviour {
  const char* name;
  void (*show)(void);
};
extern const struct behaviour truncation[], identity[], rules[], names[], streams[], faults[], signals[], waits[],
    batches[], kinds[], surroundings[];
