/*
 * A switch between network interfaces that delays each frame, and loses some:
 *
 *     lossy-switch DELAY_MS LOSS_PERCENT INTERFACE INTERFACE ...
 *
 * It does what `tc qdisc add ... netem delay 20ms loss 1%` does, where the kernel has no netem. It ends with its standard input.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PORTS = 16, MOST_WAITING = 4096, FRAME_BYTES = 1 << 17 };

typedef struct {
  double due;
  int from;
  size_t length;
  char *bytes;
} Frame;

static Frame waiting[MOST_WAITING];
static size_t first, count;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int open_port(const char *name) {
  const int port = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), on = 1;
  if (port < 0) fail("socket");
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(name)};
  /* A header before each frame says which checksums and segments the sender has left to the card: there is none. */
  if (setsockopt(port, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on)) fail("PACKET_VNET_HDR");
  if (bind(port, (struct sockaddr *)&address, sizeof address)) fail(name);
  return port;
}

static void receive(int port, int from, double delay, double loss) {
  static char bytes[FRAME_BYTES];
  struct sockaddr_ll source;
  socklen_t size = sizeof source;
  const ssize_t length = recvfrom(port, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&source, &size);
  if (length <= 0 || source.sll_pkttype == PACKET_OUTGOING) return;
  if (drand48() < loss || count == MOST_WAITING) return;
  Frame *frame = &waiting[(first + count++) % MOST_WAITING];
  *frame = (Frame){.due = now() + delay, .from = from, .length = length, .bytes = malloc(length)};
  memcpy(frame->bytes, bytes, length);
}

int main(int argc, char **argv) {
  const int ports = argc - 3;
  if (ports < 2 || ports > MOST_PORTS) return 2;
  const double delay = atof(argv[1]) / 1000, loss = atof(argv[2]) / 100;
  struct pollfd polled[MOST_PORTS + 1];
  for (int i = 0; i < ports; i++) polled[i] = (struct pollfd){.fd = open_port(argv[i + 3]), .events = POLLIN};
  polled[ports] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
  srand48(1);
  puts("ready");
  fflush(stdout);
  for (;;) {
    const double left = count > 0 ? waiting[first].due - now() : 1;
    const struct timespec rest = {.tv_sec = 0, .tv_nsec = left <= 0 ? 0 : left >= 0.5 ? 500000000 : (long)(left * 1e9)};
    ppoll(polled, ports + 1, &rest, NULL);
    if (polled[ports].revents) return 0;
    for (int i = 0; i < ports; i++)
      if (polled[i].revents) receive(polled[i].fd, i, delay, loss);
    for (; count > 0 && waiting[first].due <= now(); first = (first + 1) % MOST_WAITING, count--) {
      /* To a port that is down it does not go. */
      for (int i = 0; i < ports; i++)
        if (i != waiting[first].from) (void)!send(polled[i].fd, waiting[first].bytes, waiting[first].length, MSG_DONTWAIT);
      free(waiting[first].bytes);
    }
  }
}
