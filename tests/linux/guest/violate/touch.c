// SPDX-License-Identifier: GPL-2.0-only
/*
 * violate CASE read|write: maps a page of the module and touches it, and says what
 * came of it.  Exit status: 0 it went through, 1 SIGBUS, 2 it could not be tried.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include "violate.h"

static const char *const names[] = { VIOLATE_CASES(VIOLATE_NAME) };

static sigjmp_buf back;
static siginfo_t info;
static uintptr_t rip;

static void on_sigbus(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	info = *si;
	rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	siglongjmp(back, 1);
}

static int give_up(const char *what)
{
	fprintf(stderr, "violate: %s: %s\n", what, strerror(errno));
	return 2;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	int what = 0, fd, writes;
	volatile uint64_t *page;

	while (argc == 3 && what < VIOLATE_NR && strcmp(argv[1], names[what]))
		what++;
	if (argc != 3 || what == VIOLATE_NR) {
		fprintf(stderr, "usage: violate CASE read|write\n");
		return 2;
	}
	writes = !strcmp(argv[2], "write");

	fd = open(VIOLATE_DEVICE, O_RDWR);
	if (fd < 0)
		return give_up(VIOLATE_DEVICE);
	page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)what * getpagesize());
	if (page == MAP_FAILED)
		return give_up("mmap");
	if (sigaction(SIGBUS, &action, NULL))
		return give_up("sigaction");

	if (sigsetjmp(back, 1)) {
		printf("violate: %s %s: SIGBUS code=%d addr=%p at rip=%#lx\n", argv[1], argv[2],
		       info.si_code, info.si_addr, rip);
		return 1;
	}
	if (writes)
		*page = 1;
	else
		(void)*page;
	printf("violate: %s %s: went through\n", argv[1], argv[2]);
	return 0;
}
