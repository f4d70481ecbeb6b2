/* The message calls, each by the way that was chosen. */
#include "behaviours.h"

enum way way = way_direct;

#ifdef __i386__
enum { call_socketcall = 102, call_recvmmsg = 337, call_sendmmsg = 345, call_sendmsg = 370, call_recvmsg = 372 };
enum { call_recvmmsg_time64 = 417 };
enum { sub_sendmsg = 16, sub_recvmsg = 17, sub_recvmmsg = 19, sub_sendmmsg = 20 };

static long socketcall(int which, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e) {
  unsigned long arguments[6] = {a, b, c, d, e, 0};
  return syscall(call_socketcall, which, arguments);
}
#endif

long do_sendmsg(int socket, const void* header, int flags) {
#ifdef __i386__
  if (way == way_socketcall) {
    return socketcall(sub_sendmsg, (unsigned long)socket, (unsigned long)header, (unsigned long)flags, 0, 0);
  }
  return syscall(call_sendmsg, socket, header, flags);
#else
  return syscall(SYS_sendmsg, socket, header, flags);
#endif
}

long do_recvmsg(int socket, void* header, int flags) {
#ifdef __i386__
  if (way == way_socketcall) {
    return socketcall(sub_recvmsg, (unsigned long)socket, (unsigned long)header, (unsigned long)flags, 0, 0);
  }
  return syscall(call_recvmsg, socket, header, flags);
#else
  return syscall(SYS_recvmsg, socket, header, flags);
#endif
}

long do_sendmmsg(int socket, void* headers, unsigned count, int flags) {
#ifdef __i386__
  if (way == way_socketcall) {
    return socketcall(sub_sendmmsg, (unsigned long)socket, (unsigned long)headers, count, (unsigned long)flags, 0);
  }
  return syscall(call_sendmmsg, socket, headers, count, flags);
#else
  return syscall(SYS_sendmmsg, socket, headers, count, flags);
#endif
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
#ifdef __i386__
  const long returned = way == way_socketcall ? socketcall(sub_recvmmsg, (unsigned long)socket, (unsigned long)headers,
                                                           count, (unsigned long)flags, (unsigned long)given)
                                              : syscall(call_recvmmsg, socket, headers, count, flags, given);
#else
  const long returned = syscall(SYS_recvmmsg, socket, headers, count, flags, given);
#endif
  if (real) {
    timeout->seconds = narrow[0];
    timeout->nanoseconds = narrow[1];
  }
  return returned;
}
