/* accept, epoll_wait, recvmsg, a look at uid, gid and pid, close of the pidfd, send; nothing is bounded or kept. */
#define _GNU_SOURCE

#include "echo_loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

static int may(const struct ucred* who, uid_t allowed) {
  return who->pid > 0 && ((who->uid == 0 && who->gid == 0) || who->uid == allowed);
}

/* Whether the connection goes on. */
static int echo(int fd, uid_t allowed) {
  char room[4096];
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec data = {room, sizeof room};
  struct msghdr message = {0};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return errno == EAGAIN;
  int allowed_in = 0;
  for (struct cmsghdr* one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_SOCKET) continue;
    if (one->cmsg_type == SCM_CREDENTIALS) {
      struct ucred who;
      memcpy(&who, CMSG_DATA(one), sizeof who);
      allowed_in = may(&who, allowed);
    } else if (one->cmsg_type == SCM_PIDFD) {
      int pidfd;
      memcpy(&pidfd, CMSG_DATA(one), sizeof pidfd);
      if (pidfd >= 0) close(pidfd);
    }
  }
  if (got == 0 || !allowed_in) return 0;
  return send(fd, room, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT) == got;
}

void scm_bench_echo_lines(int listener, uid_t allowed) {
  const int on = 1;
  const int set = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event interest = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(set, EPOLL_CTL_ADD, listener, &interest);
  for (;;) {
    struct epoll_event ready[128];
    const int count = epoll_wait(set, ready, 128, -1);
    for (int i = 0; i < count; ++i) {
      int fd = ready[i].data.fd;
      if (fd != listener) {
        if (!echo(fd, allowed)) close(fd);
        continue;
      }
      fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
      if (fd < 0) continue;
      setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
      setsockopt(fd, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof on);
      interest.data.fd = fd;
      epoll_ctl(set, EPOLL_CTL_ADD, fd, &interest);
    }
  }
}
