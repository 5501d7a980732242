// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "kmsg.h"

static const char *const splats[] = {
	"BUG:", "kernel BUG", "Oops", "Call Trace", "INFO: lockdep",
	"possible circular locking", "possible recursive locking", "inconsistent lock state",
	"suspicious RCU usage", "bad unlock balance", "held lock freed",
	"UBSAN", "rcu_sched self-detected", "rcu_preempt self-detected", "rcu: INFO:",
	"self-detected stall", "detected stalls", "soft lockup", "hard LOCKUP",
	"blocked for more than", "general protection fault", "unable to handle",
	"sleeping function called", "scheduling while atomic", "list_del corruption",
	"list_add corruption", "refcount_t:", "Kernel panic",
};

bool kmsg_is_splat(struct kmsg *k, const char *line)
{
	/* That there is no memory is no fault of the kernel's, but has a stack trace. */
	if (strstr(line, "invoked oom-killer:") || strstr(line, "page allocation failure:") ||
	    strstr(line, "vmalloc error:"))
		k->no_memory = true;
	if (k->no_memory && strstr(line, "Call Trace")) {
		k->no_memory = false;
		return false;
	}
	/* At the start only: "Speculative Return Stack Overflow: WARNING: See ..." is advice. */
	if (!strncmp(line, "WARNING:", strlen("WARNING:")))
		return true;
	for (size_t i = 0; i < sizeof(splats) / sizeof(*splats); i++) {
		if (strstr(line, splats[i]))
			return true;
	}
	return false;
}

bool kmsg_open(struct kmsg *k, bool from_start)
{
	k->lost = false;
	k->no_memory = false;
	k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (k->fd < 0)
		return false;
	lseek(k->fd, 0, from_start ? SEEK_SET : SEEK_END);
	return true;
}

void kmsg_close(struct kmsg *k)
{
	close(k->fd);
}

/* "priority,sequence,time,flags;text\n" and then lines of " KEY=value" */
bool kmsg_next(struct kmsg *k, char line[KMSG_LINE])
{
	char buf[8192], *text, *end;
	ssize_t n;

	for (;;) {
		n = read(k->fd, buf, sizeof(buf) - 1);
		if (n > 0)
			break;
		if (n < 0 && errno == EPIPE) {
			k->lost = true;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		return false;
	}
	buf[n] = '\0';
	text = strchr(buf, ';');
	text = text ? text + 1 : buf;
	end = strchr(text, '\n');
	if (end)
		*end = '\0';
	snprintf(line, KMSG_LINE, "%.*s", KMSG_LINE - 1, text);
	return true;
}
