// SPDX-License-Identifier: GPL-2.0-only
/* What the scenarios of fire share. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fire.h"

unsigned int fire_random(unsigned int below)
{
	static unsigned int seed;

	if (!seed) {
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed) || !seed)
			seed = 1;
		diag("random numbers begin with %u", seed);
	}
	return rand_r(&seed) % below;
}

void fire_kill(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

unsigned int fire_vms(void)
{
	DIR *d = opendir(SYSFS "/vms");
	unsigned int n = 0;
	struct dirent *e;

	while (d && (e = readdir(d)))
		n += *e->d_name != '.';
	if (d)
		closedir(d);
	return n;
}

double fire_seconds(double usual)
{
	const char *share = getenv("FIRE_SHARE");

	return share ? usual * atoi(share) / 100 : usual;
}

void fire_quiet_console(void)
{
	file_write("/proc/sys/kernel/printk", "3");
}

bool fire_unload(double limit_s)
{
	double end = now_s() + limit_s;
	int r;

	while ((r = module_unload(MODULE_NAME)) && now_s() < end)
		usleep(20000);
	return check(!r, "rmmod: %s", strerror(r));
}

bool fire_load(const char *args)
{
	int r = module_load(args);

	return check(!r, "insmod: %s", strerror(r));
}

void fire_add_violations(struct vm *vm, unsigned int vcpu, uint64_t gpa, unsigned int times)
{
	unsigned int start = op_write(vm, vcpu, VIEW_SHARED, gpa, 1);

	op_each_page(vm, vcpu, FIRE_PAGES);
	op_pvalidate(vm, vcpu, gpa, true, false);
	op_each_page(vm, vcpu, FIRE_PAGES);
	op_loop(vm, vcpu, start, times);
}

uint64_t fire_claim(struct vcpu *v, const struct psc *psc)
{
	(void)v;
	(void)psc;
	return 0;
}

void fire_add_conversions(struct vm *vm, unsigned int vcpu, uint64_t gpa, unsigned int times)
{
	unsigned int start = op_psc(vm, vcpu, gpa, PSC_SHARED);

	op_write(vm, vcpu, VIEW_SHARED, gpa, 1);
	op_make_private(vm, vcpu, gpa);
	op_loop(vm, vcpu, start, times);
}
