/* The message calls, each by the way that was chosen. */
#include "behaviours.h"

enum way way = way_direct;

#ifdef __i386__
enum { call_socketcall = 102, call_recvmmsg = 337, call_sendmmsg = 345, call_sendmsg = 370, call_recvmsg = 372 };
enum { call_recvmmsg_time64 = 417 };
#else
enum { call_recvmmsg = SYS_recvmmsg, call_sendmmsg = SYS_sendmmsg };
enum { call_sendmsg = SYS_sendmsg, call_recvmsg = SYS_recvmsg };
#endif
enum { sub_sendmsg = 16, sub_recvmsg = 17, sub_recvmmsg = 19, sub_sendmmsg = 20 };

/* By its number, or as a part of socketcall(2). */
static long made(int number, int part, int socket, const void* b, long c, long d, const void* e) {
#ifdef __i386__
  const long arguments[] = {socket, (long)b, c, d, (long)e};
  if (way == way_socketcall) return syscall(call_socketcall, part, arguments);
#else
  (void)part;
#endif
  return syscall(number, socket, b, c, d, e);
}

long do_sendmsg(int socket, const void* header, int flags) {
  return made(call_sendmsg, sub_sendmsg, socket, header, flags, 0, NULL);
}

long do_recvmsg(int socket, void* header, int flags) {
  return made(call_recvmsg, sub_recvmsg, socket, header, flags, 0, NULL);
}

long do_sendmmsg(int socket, void* headers, unsigned count, int flags) {
  return made(call_sendmmsg, sub_sendmmsg, socket, headers, (long)count, flags, NULL);
}

long do_recvmmsg(int socket, void* headers, unsigned count, int flags, struct wide_time* timeout) {
  const bool real = timeout != NULL && timeout != NOWHERE;
#ifdef __i386__
  if (way == way_time64) return syscall(call_recvmmsg_time64, socket, headers, count, flags, timeout);
#endif
  /* long is 32 bits on i386, as the old timespec is. */
  long narrow[2] = {0, 0};
  if (real) {
    narrow[0] = (long)timeout->seconds;
    narrow[1] = (long)timeout->nanoseconds;
  }
  void* const given = real ? (void*)narrow : (void*)timeout;
  const long returned = made(call_recvmmsg, sub_recvmmsg, socket, headers, (long)count, flags, given);
  if (real) {
    timeout->seconds = narrow[0];
    timeout->nanoseconds = narrow[1];
  }
  return returned;
}
