/**
 * Preloaded (LD_PRELOAD), it has the wall clock of a process jump, four times a second: a day back, ten years ahead, and to where
 * it belongs. The monotonic clock goes on as ever.
 */

#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const time_t JUMPS[] = {0, -86400, 315360000, -3600};

static int read_clock(clockid_t clock, struct timespec *now) { return (int)syscall(SYS_clock_gettime, clock, now); }

static time_t jump(void) {
  struct timespec since;
  read_clock(CLOCK_MONOTONIC, &since);
  return JUMPS[(since.tv_sec * 4 + since.tv_nsec / 250000000) % 4];
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int status = read_clock(clock, now);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += jump();
  return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  int status = clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return status;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
