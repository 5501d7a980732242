// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completions, a worker and a clock, all under one lock.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <assert.h>
#include <pthread.h>

#include <unit/rcu.h>
#include <unit/wait.h>

#define NSEC_PER_JIFFY	(NSEC_PER_SEC / HZ)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static u64 now;
static unsigned int waiting, wakes;

void (*unit_time_is_up)(void);
void (*unit_somebody_waits)(void);

void unit_wait_begin(void)
{
	unit_may_sleep();
	pthread_mutex_lock(&lock);
}

void unit_wait(void)
{
	void (*waits)(void) = unit_somebody_waits;
	const unsigned int before = wakes;

	if (waits) {
		pthread_mutex_unlock(&lock);
		waits();
		pthread_mutex_lock(&lock);
		/* Or he would sleep for ever. */
		assert(wakes != before);
		return;
	}
	pthread_cond_wait(&woken, &lock);
}

void unit_wait_end(void)
{
	pthread_mutex_unlock(&lock);
}

void unit_wake(void)
{
	pthread_mutex_lock(&lock);
	wakes++;
	pthread_cond_broadcast(&woken);
	pthread_mutex_unlock(&lock);
}

unsigned int unit_waiting(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = waiting;
	pthread_mutex_unlock(&lock);
	return n;
}

u64 unit_clock(void)
{
	u64 ns;

	pthread_mutex_lock(&lock);
	ns = now;
	pthread_mutex_unlock(&lock);
	return ns;
}

void unit_clock_pass(u64 ns)
{
	pthread_mutex_lock(&lock);
	now += ns;
	pthread_cond_broadcast(&woken);
	pthread_mutex_unlock(&lock);
}

void init_completion(struct completion *x)
{
	x->done = 0;
}

void complete(struct completion *x)
{
	pthread_mutex_lock(&lock);
	x->done++;
	pthread_cond_broadcast(&woken);
	pthread_mutex_unlock(&lock);
}

bool completion_done(struct completion *x)
{
	bool done;

	pthread_mutex_lock(&lock);
	done = x->done;
	pthread_mutex_unlock(&lock);
	return done;
}

/* As the kernel's, it takes one of what has been completed. */
unsigned long wait_for_completion_timeout(struct completion *x, unsigned long timeout)
{
	unsigned long left = 0;
	u64 end;

	unit_wait_begin();
	end = now + timeout * NSEC_PER_JIFFY;
	waiting++;
	while (!x->done && now < end)
		unit_wait();
	waiting--;
	if (x->done) {
		x->done--;
		left = now < end ? (end - now + NSEC_PER_JIFFY - 1) / NSEC_PER_JIFFY : 1;
	}
	unit_wait_end();
	if (!left && unit_time_is_up)
		unit_time_is_up();
	return left;
}

struct workqueue_struct {
	pthread_t thread;
	struct work_struct *first, **end;
	bool stop;
};

static void *worker(void *arg)
{
	struct workqueue_struct *wq = arg;
	struct work_struct *work;

	unit_wait_begin();
	for (;;) {
		work = wq->first;
		if (!work && wq->stop)
			break;
		if (!work) {
			unit_wait();
			continue;
		}
		wq->first = work->next;
		if (!wq->first)
			wq->end = &wq->first;
		unit_wait_end();
		work->func(work);	/* which may free it */
		unit_wait_begin();
	}
	unit_wait_end();
	return NULL;
}

struct workqueue_struct *alloc_ordered_workqueue(const char *name, unsigned int flags)
{
	struct workqueue_struct *wq = unit_alloc(1, sizeof(*wq), true, GFP_KERNEL);

	if (!wq)
		return NULL;
	wq->end = &wq->first;
	assert(!pthread_create(&wq->thread, NULL, worker, wq));
	return wq;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	pthread_mutex_lock(&lock);
	work->next = NULL;
	*wq->end = work;
	wq->end = &work->next;
	pthread_cond_broadcast(&woken);
	pthread_mutex_unlock(&lock);
	return true;
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	pthread_mutex_lock(&lock);
	wq->stop = true;
	pthread_cond_broadcast(&woken);
	pthread_mutex_unlock(&lock);
	pthread_join(wq->thread, NULL);
	unit_free(wq);
}
