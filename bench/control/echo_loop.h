/* A bare epoll loop that echoes what its clients say, once their credentials are looked at. */
#pragma once

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Serves at a listening socket until it is killed: with uid `allowed`, or root. */
void scm_bench_echo_lines(int listener, uid_t allowed);

#ifdef __cplusplus
}
#endif
