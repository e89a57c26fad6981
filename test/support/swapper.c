/*
 * An attacker: exchanges pairs of names in a directory for as long as it lives, as uid 65534.
 *
 * usage: swapper DIRECTORY A B [A B]...    prints the number of exchanges when it is told to end
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t ended;
static void end(int number) { (void)number; ended = 1; }

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  if (setgroups(0, NULL) || setgid(65534) || setuid(65534)) { perror("setuid"); return 3; }
  int dir = open(argv[1], O_RDONLY | O_DIRECTORY);
  if (dir < 0) { perror(argv[1]); return 4; }
  signal(SIGTERM, end);
  puts("ready");
  fflush(stdout);
  long swaps = 0;
  unsigned pause = 1;
  while (!ended) {
    for (int i = 2; i + 1 < argc; i += 2)
      if (renameat2(dir, argv[i], dir, argv[i + 1], RENAME_EXCHANGE) == 0) swaps++;
    /* Windows of many lengths, so that each step of whoever is attacked is met. */
    pause = pause * 1103515245u + 12345u;
    for (volatile unsigned wait = (pause >> 16) % 4096; wait > 0; wait--) {}
  }
  printf("%ld\n", swaps);
  return 0;
}
