/* What is around messages: sockets that pass no descriptors, and the filters that a program may have. */
#include "behaviours.h"

#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/prctl.h>

/* --- other sockets ------------------------------------------------------------------------------------------------ */

/* The same calls on sockets that pass no descriptors. */
static void show_other_families(void) {
  NEED(unshare(CLONE_NEWNET));
  const int netlink = (int)NEED(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  name_it(netlink, "netlink");
  /* lo is brought up by a message, and asked for by another. */
  struct {
    struct nlmsghdr header;
    struct ifinfomsg info;
  } request = {
      .header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
      .info = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}};
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  struct iovec part = {.iov_base = &request, .iov_len = sizeof request};
  struct msghdr header = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &part, .msg_iovlen = 1};
  FACT(say_sent("netlink", do_sendmsg(netlink, &header, 0)) == sizeof request);
  RECEIVE("acknowledged", netlink, .payload = 0, .control = 64, .name = 64, .flags = MSG_PEEK | MSG_TRUNC);
  FACT(seen.returned > 0 && seen.name_size == sizeof kernel);
  FACT(recv(netlink, (char[4096]){0}, 4096, 0) > 0);
  const int file = make_file("file");
  struct control control = {.size = 0};
  add_rights(&control, &file, 1);
  FACT(say_sent("rights over netlink", send_control(netlink, &request, sizeof request, &control, 0)) == -1 &&
       errno == EINVAL);

  const int udp = name_it((int)NEED(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), "udp");
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(7000), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  NEED(bind(udp, (struct sockaddr*)&here, sizeof here));
  const int on = 1;
  NEED(setsockopt(udp, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
  NEED(setsockopt(udp, IPPROTO_IP, IP_RECVTTL, &on, sizeof on));
  FACT(say_sent("udp", send_to(udp, "packet", &here, sizeof here, NULL)) == 6);
  RECEIVE("udp", udp, .payload = 4, .control = 256, .name = 64, .flags = MSG_PEEK);
  RECEIVE("udp", udp, .payload = 4, .control = 40, .name = 10, .flags = MSG_TRUNC);
  FACT(seen.returned == 6 && (seen.flags & MSG_TRUNC) != 0);
  struct control ttl = {.size = 0};
  const int hops = 7;
  add_item(&ttl, IPPROTO_IP, IP_TTL, &hops, sizeof hops);
  FACT(say_sent("udp with a ttl", send_to(udp, "packet", &here, sizeof here, &ttl)) == 6);
  RECEIVE("udp with a ttl", udp, .payload = 16, .control = 256, .name = 64);
  /* They are not looked at. */
  FACT(say_sent("rights over udp", send_to(udp, "packet", &here, sizeof here, &control)) == 6);
  RECEIVE("without them", udp, .payload = 16, .control = 256, .name = 64);
  here.sin_port = htons(7001);
  FACT(connect(udp, (struct sockaddr*)&here, sizeof here) == 0);
  say_sent("to nobody", send_text(udp, "x"));
  RECEIVE("the error of it", udp, .payload = 16, .control = 64, .flags = MSG_DONTWAIT);

  const int listener = name_it((int)NEED(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), "listener");
  NEED(bind(listener, (struct sockaddr*)&here, sizeof here));
  NEED(listen(listener, 1));
  const int tcp = name_it((int)NEED(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), "tcp");
  FACT(say_sent("not connected", send_control(tcp, "x", 1, NULL, MSG_NOSIGNAL)) == -1 && errno == EPIPE);
  NEED(connect(tcp, (struct sockaddr*)&here, sizeof here));
  const int peer = name_it((int)NEED(accept4(listener, NULL, NULL, SOCK_CLOEXEC)), "accepted");
  FACT(say_sent("tcp", send_text(tcp, "hello")) == 5);
  RECEIVE("tcp", peer, .payload = 5, .control = 64, .name = 64, .flags = MSG_WAITALL);
  FACT(seen.returned == 5);
  close(tcp);
  RECEIVE("tcp, the end", peer, .payload = 5, .control = 64, .name = 64);
  FACT(seen.returned == 0);
}

/* --- the 32-bit entry --------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
/* int $0x80 is the 32-bit entry, of a 64-bit program as well: what it points to has that layout. */
static long narrow_call(long number, long a, long b, long c) {
  long returned;
  __asm__ volatile("int $0x80"
                   : "=a"(returned)
                   : "0"(number), "b"(a), "c"(b), "d"(c)
                   : "memory", "r8", "r9", "r10", "r11");
  return returned;
}

struct narrow {
  uint32_t header[7]; /* name, its size, parts, their number, control data, its size, flags */
  uint32_t part[2];
  uint32_t call[3]; /* socketcall's arguments */
  uint32_t control[8];
  char payload[16];
};

static void show_narrow_entry(void) {
  struct narrow* const in = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (in == MAP_FAILED) NEED(-1);
  const struct ends pair = make_pair(SOCK_SEQPACKET);
  const int file = make_file("file");
  for (int by_socketcall = 0; by_socketcall != 2; ++by_socketcall) {
    const uint32_t base = (uint32_t)(uintptr_t)in;
    *in = (struct narrow){
        .header = {0, 0, base + offsetof(struct narrow, part), 1, base + offsetof(struct narrow, control), 16, 0},
        .part = {base + offsetof(struct narrow, payload), 3},
        .control = {16, SOL_SOCKET, SCM_RIGHTS, (uint32_t)file},
        .payload = "abc",
        .call = {(uint32_t)pair.a, base, 0}};
    const long call = (long)(base + offsetof(struct narrow, call));
    const long sent = by_socketcall ? narrow_call(102, 16, call, 0) : narrow_call(370, pair.a, base, 0);
    say("sent %ld", sent);
    memset(in->control, 0xaa, sizeof in->control);
    memset(in->payload, 0, sizeof in->payload);
    in->header[5] = sizeof in->control;
    in->call[0] = (uint32_t)pair.b;
    const long got = by_socketcall ? narrow_call(102, 17, call, 0) : narrow_call(372, pair.b, base, 0);
    say("received %ld \"%s\" control %u flags %#x [%u %u %u %u=%s]", got, in->payload, in->header[5], in->header[6],
        in->control[0], in->control[1], in->control[2], in->control[3], name_of((int)in->control[3]));
    FACT(sent == 3 && got == 3 && in->header[5] == 16 && in->control[0] == 16);
    close((int)in->control[3]);
  }
}
#else
static void show_narrow_entry(void) { say("this program has no other entry"); }
#endif

/* --- a listener --------------------------------------------------------------------------------------------------- */

static void ask_for_listener(void* argument) {
  (void)argument;
  static struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = {.len = 1, .filter = &allow};
  NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  const long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  say("a listener of its own: %s", listener < 0 ? error_name(errno) : "ok");
  say("a filter of its own: %s",
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0 ? error_name(errno) : "ok");
}

/* Calls by which messages could go past a filter: what the kernel says of no arguments. */
static void show_other_ways(void) {
  say("a ring: %s", syscall(425 /* io_uring_setup */, 1, NULL) < 0 ? error_name(errno) : "ok");
#if defined(__x86_64__) && defined(__LP64__)
  say("a call of x32: %s", syscall(0x40000000L + 518 /* sendmsg */, -1, NULL, 0) < 0 ? error_name(errno) : "ok");
#endif
}

static void ask_for_strict_mode(void* argument) {
  (void)argument;
  const bool there = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
  if (there) {
    syscall(SYS_write, 1, "strict mode: ok\n", 16);
    syscall(SYS_exit, 0);
  }
  say("strict mode: %s", error_name(errno));
}

static void say_status_line(const char* name) {
  FILE* file = fopen("/proc/self/status", "re");
  char line[256];
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, strlen(name)) != 0) continue;
    const int value = atoi(line + strlen(name));
    if (strcmp(name, "TracerPid:") == 0) {
      say("%s %s", name, value == 0 ? "0" : "some");
    } else {
      say("%s %d", name, value);
    }
  }
  if (file != NULL) fclose(file);
}

static void show_filters(void) {
  pid_t child = start(ask_for_listener, NULL);
  FACT(finish(child) == 0);
  child = start(ask_for_strict_mode, NULL);
  FACT(finish(child) == 0);
}

static void show_status(void) {
  static const char* const lines[] = {"TracerPid:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:"};
  for (size_t i = 0; i != COUNT(lines); ++i) say_status_line(lines[i]);
}

const struct behaviour surroundings[] = {{"other families", show_other_families},
                                         {"narrow entry", show_narrow_entry},
                                         {"filters", show_filters},
                                         {"other ways", show_other_ways},
                                         {"status", show_status},
                                         {NULL, NULL}};
