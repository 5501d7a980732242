// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random writes to every file in sysfs and debugfs. What a file takes is written
 * down here once more: one of its words, with one newline after it or none, up to
 * the first NUL; all else is an error and changes nothing.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fire.h"

#define MAX_FILES	128
#define PAGE		4096u	/* what sysfs passes on of one write */
#define LONGEST		70000u
#define WRITERS		4

static const char *const mode_words[] = { "off", "lenient", "strict", "inherit", NULL };
static const char *const action_words[] = { "vc", "terminate", "inherit", NULL };
static const char *const policy_words[] = { "enforce", "report", "inherit", NULL };
static const char *const switch_words[] = { "off", "on", "inherit", NULL };

struct file {
	char path[160];
	const char *const *words;	/* NULL: nothing can be written */
	bool may_inherit;
	char value[16];
};

static struct file files[MAX_FILES];
static unsigned int nfiles;

/* What a file takes follows from its place alone. */
static const char *const *words_of(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	if (strncmp(path, SYSFS, strlen(SYSFS)))
		return NULL;
	if (!strcmp(name, "mode"))
		return mode_words;
	if (!strcmp(name, "action"))
		return action_words;
	if (!strcmp(name, "sites") || !strcmp(name, "request_sites"))
		return switch_words;
	return strstr(path, "/policy/") ? policy_words : NULL;
}

static void find_files(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[sizeof(files->path)];
		struct file *f = &files[nfiles];

		if (*e->d_name == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path) ||
		    nfiles == MAX_FILES)
			give_up("too many files, or too long a name: %s", path);
		if (e->d_type == DT_DIR) {
			find_files(path);
			continue;
		}
		memcpy(f->path, path, sizeof(path));
		f->words = words_of(path);
		f->may_inherit = strstr(path, "/vms/");
		if (f->words && !check(file_read(path, f->value, sizeof(f->value)),
				       "%s can't be read", path))
			continue;
		nfiles++;
	}
	if (d)
		closedir(d);
}

/* --- what is written --- */

static unsigned int below(unsigned int *seed, unsigned int n)
{
	return rand_r(seed) % n;
}

static size_t random_bytes(unsigned int *seed, char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = rand_r(seed) >> 7;
	return n;
}

/* Words, nearly words, and what is none. */
static size_t make_text(unsigned int *seed, char *buf)
{
	static const char *const *const all[] = {
		mode_words, action_words, policy_words, switch_words,
	};
	const char *const *words = all[below(seed, 4)];
	size_t n;

	n = sprintf(buf, "%s", words[below(seed, words == mode_words ? 4 : 3)]);
	switch (below(seed, 16)) {
	case 0 ... 3:
		return n;
	case 4:
	case 5:
		buf[n++] = '\n';
		return n;
	case 6:
		return n + sprintf(buf + n, "\n\n");
	case 7:
		return below(seed, n + 1);
	case 8:
		memmove(buf + 1, buf, n);
		*buf = " \t\n"[below(seed, 3)];
		return n + 1;
	case 9:
		buf[below(seed, n)] ^= 1 << below(seed, 8);
		return n;
	case 10:
		buf[n++] = '\0';
		return n + random_bytes(seed, buf + n, below(seed, 32));
	case 11:
		buf[n++] = '\n';
		buf[n++] = '\0';
		return n + random_bytes(seed, buf + n, below(seed, PAGE + 100));
	case 12:
		return sprintf(buf, "%d", (int)below(seed, 5) - 1);
	case 13:
		return random_bytes(seed, buf, below(seed, 64));
	case 14:
		return n + random_bytes(seed, buf + n, PAGE - 8 + below(seed, 16));
	default:
		return random_bytes(seed, buf, below(seed, LONGEST));
	}
}

/* The word that the kernel must have understood, or NULL. */
static const char *understood(const struct file *f, const char *buf, size_t n)
{
	size_t len = strnlen(buf, n < PAGE ? n : PAGE);

	if (len && buf[len - 1] == '\n')
		len--;
	for (unsigned int i = 0; f->words && f->words[i]; i++) {
		if (strlen(f->words[i]) == len && !memcmp(f->words[i], buf, len))
			return f->may_inherit || strcmp(f->words[i], "inherit") ?
			       f->words[i] : NULL;
	}
	return NULL;
}

/* The result of one write(2), or -errno. */
static ssize_t write_to(const char *path, const char *buf, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t r;

	if (fd < 0)
		return -errno;
	r = write(fd, buf, n);
	if (r < 0)
		r = -errno;
	close(fd);
	return r;
}

/* --- one after the other: every answer and every value is foretold --- */

static void one_write(unsigned int *seed, char *buf, unsigned int *accepted)
{
	struct file *f = &files[below(seed, nfiles)];
	size_t n = make_text(seed, buf);
	ssize_t r = write_to(f->path, buf, n);
	const char *word = n ? understood(f, buf, n) : NULL;
	char now[sizeof(f->value)];

	if (word) {
		check(r == (ssize_t)(n < PAGE ? n : PAGE), "%s: '%s': write returned %zd",
		      f->path, word, r);
		snprintf(f->value, sizeof(f->value), "%s", word);
		++*accepted;
	} else if (f->words) {
		/* Of a write of nothing nobody hears. */
		check(n ? r == -EINVAL : !r, "%s: %zu bytes: write returned %zd", f->path, n, r);
	} else {
		check(r < 0, "%s, which is read-only: write returned %zd", f->path, r);
	}
	if (f->words)
		check(file_read(f->path, now, sizeof(now)) && !strcmp(now, f->value),
		      "%s is '%s', not '%s'", f->path, now, f->value);
}

/* --- all at once: no value but a word, whoever was the last --- */

struct writer {
	pthread_t thread;
	unsigned int seed;
	volatile bool stop;
	uint64_t writes, reads, odd;
};

static bool is_word(const struct file *f, const char *value)
{
	return understood(f, value, strlen(value));
}

static void *write_and_read(void *arg)
{
	struct writer *w = arg;
	char *buf = malloc(LONGEST + 64), now[PAGE + 1];

	while (!w->stop) {
		struct file *f = &files[below(&w->seed, nfiles)];
		size_t n = make_text(&w->seed, buf);

		write_to(f->path, buf, n);
		w->writes++;
		f = &files[below(&w->seed, nfiles)];
		/* After the end of its VM there is nothing. */
		if (!file_read(f->path, now, sizeof(now)) || !*now)
			continue;
		w->reads++;
		w->odd += f->words && !is_word(f, now);
	}
	free(buf);
	return NULL;
}

static void at_once(uint64_t *writes, uint64_t *reads)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2 });
	struct writer writer[WRITERS];

	fire_add_violations(vm, 0, GPA(0), FIRE_FOR_EVER);
	fire_add_conversions(vm, 1, GPA(FIRE_PAGES), FIRE_FOR_EVER);
	guard_launch(vm);
	nfiles = 0;
	find_files(SYSFS);
	find_files(DEBUGFS);
	vm_start(vm);
	for (unsigned int i = 0; i < WRITERS; i++) {
		writer[i] = (struct writer){ .seed = fire_random(1 << 30) };
		if (pthread_create(&writer[i].thread, NULL, write_and_read, &writer[i]))
			give_up("no thread");
	}
	sleep(2);
	/* They go on beyond its end. */
	guard_forget(vm);
	vm_destroy(vm);
	usleep(300000);
	for (unsigned int i = 0; i < WRITERS; i++) {
		writer[i].stop = true;
		pthread_join(writer[i].thread, NULL);
		*writes += writer[i].writes;
		*reads += writer[i].reads;
		check(!writer[i].odd, "%lu values that were read are no words", writer[i].odd);
	}
}

static void words(const void *arg)
{
	unsigned int n = (uintptr_t)arg, seed = fire_random(1 << 30), accepted = 0, all;
	struct vm *vm = vm_create(NULL);
	uint64_t writes = 0, reads = 0;
	char *buf = malloc(LONGEST + 64);

	guard_launch(vm);
	find_files(SYSFS);
	find_files(DEBUGFS);
	all = nfiles;
	check(all > 40, "only %u files", all);
	for (unsigned int i = 0; i < n && !scenario_failures; i++)
		one_write(&seed, buf, &accepted);
	free(buf);
	check(accepted > n / 50 && accepted < n / 2, "%u of %u writes accepted", accepted, n);
	guard_forget(vm);
	vm_destroy(vm);
	for (unsigned int i = 0; i < 4; i++)
		at_once(&writes, &reads);
	check(reads > 100, "only %lu reads", reads);
	diag("%u files: %u random writes, %u accepted; then %lu writes and %lu reads at the same time",
	     all, n, accepted, writes, reads);
}

static const struct scenario scenarios[] = {
	{ "words.random_writes", words, (void *)10000, SC_LONG },
};

GROUP(words_group, scenarios);
