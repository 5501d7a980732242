// SPDX-License-Identifier: GPL-2.0-only
/* Running the steps of one VM against the model. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "e2e/module.h"
#include "evidence.h"
#include "life.h"
#include "observe.h"
#include "run.h"
#include "setting.h"
#include "verify.h"

#define LIMIT_S		300	/* for one round, on a slow host: a VM may have hundreds */
#define MAX_LAUNCHED	64
#define UNLOAD_LOOKS	1000
#define STATES_EVERY	8	/* rounds between two looks at all page states */

struct life {
	struct model model;
	struct plan plan;
	struct run *run;
	struct observer observer;
	struct extras extras;
	struct life_result result;
	struct boot boot;
	unsigned int rounds_before;	/* the module was loaded */
};

/* --- what the VMM and the administrator do between rounds --- */

static void change_setting(struct life *l, const struct step *s)
{
	const char *wrong = setting_change(&l->model, &l->observer, s);

	if (wrong && !*l->result.why)
		snprintf(l->result.why, sizeof(l->result.why),
			 "%s does not say what was written to it, or to another setting", wrong);
}

static bool in_slot(struct life *l, const struct step *s)
{
	for (uint64_t g = s->gfn; g < s->gfn + s->pages; g++) {
		struct page *p = model_page(&l->model, g);

		if (!p || !p->has_slot)
			return false;
	}
	return s->pages;
}

static void change_pages(struct life *l, const struct step *s)
{
	uint64_t gpa = s->gfn * GUEST_PAGE, size = s->pages * GUEST_PAGE;

	if (!in_slot(l, s))
		return;
	switch (s->kind) {
	case STEP_CONVERT:
		vm_convert(l->run->vm, gpa, size, s->private);
		model_convert(&l->model, s->gfn, s->pages, s->private);
		break;
	case STEP_ATTRIBUTE:
		vm_set_attr(l->run->vm, gpa, size, s->private);
		model_set_attr(&l->model, s->gfn, s->pages, s->private);
		break;
	default:
		vm_punch(l->run->vm, gpa, size);
		model_punch(&l->model, s->gfn, s->pages);
	}
}

/* KVM does what comes before the end of the slot, and then has an error. */
static void prefault(struct life *l, const struct step *s)
{
	uint64_t done = model_prefault(&l->model, s->gfn, s->pages);
	int e = vcpu_prefault(&l->run->vm->vcpu[0], s->gfn * GUEST_PAGE, s->pages * GUEST_PAGE);
	const bool whole = done == s->pages;

	if (whole != !e)
		snprintf(l->result.why, sizeof(l->result.why),
			 "KVM_PRE_FAULT_MEMORY of %u pages from gfn %#lx, of which %lu are there: %s",
			 s->pages, s->gfn, done, strerror(e));
	l->result.cut_short += done < s->pages;
}

static void change_slot(struct life *l, const struct step *s)
{
	const struct page *p = model_page(&l->model, ARENA_GFN + SLOT_B_FIRST);
	/* Of a slot that is older than the module it does not know which memory it has. */
	bool known = !l->model.partial || p->known_memory;
	bool create = s->kind == STEP_SLOT_CREATE;
	bool same = s->what && known;

	if (p->has_slot == create || (!create && !known))
		return;
	if (create)
		vm_slot_restore(l->run->vm, 2, !same);
	else
		vm_slot_delete(l->run->vm, 2);
	model_slot(&l->model, ARENA_GFN + SLOT_B_FIRST, SLOT_B_PAGES, create, same);
}

/* A guest is not left half-guarded. */
static void try_unload(struct life *l)
{
	int e = l->model.absent ? EBUSY : module_unload(MODULE_NAME);

	if (e != EBUSY && e != EWOULDBLOCK)
		snprintf(l->result.why, sizeof(l->result.why),
			 "rmmod under a guest: %s", e ? strerror(e) : "the module is gone");
}

static void host_step(struct life *l, const struct step *s)
{
	switch (s->kind) {
	case STEP_CONVERT:
	case STEP_ATTRIBUTE:
	case STEP_PUNCH:
		change_pages(l, s);
		break;
	case STEP_PREFAULT:
		prefault(l, s);
		break;
	case STEP_SLOT_DELETE:
	case STEP_SLOT_CREATE:
		change_slot(l, s);
		break;
	case STEP_UNLOAD:
		try_unload(l);
		break;
	case STEP_MODE:
	case STEP_ACTION:
	case STEP_POLICY:
		if (l->model.absent)
			return;
		change_setting(l, s);
		break;
	default:
		return;
	}
	l->result.ops++;
}

/* --- rounds --- */

static bool failed(struct life *l, const char *why)
{
	snprintf(l->result.why, sizeof(l->result.why), "%s", why);
	return false;
}

static bool check_states(struct life *l)
{
	const char *file;
	uint64_t number;

	if (observe_same_states(&l->observer, &l->model, &file, &number))
		return true;
	snprintf(l->result.why, sizeof(l->result.why), "%s of %#lx is not what the model has",
		 file, number);
	return false;
}

/* Whoever enters the guest now is told the same. */
static bool check_end(struct life *l)
{
	for (unsigned int i = 0; i < l->plan.nvcpus; i++) {
		struct vcpu *v = &l->run->vm->vcpu[i];

		vcpu_run_once(v);
		if (v->run->exit_reason != KVM_EXIT_SYSTEM_EVENT ||
		    v->run->system_event.type != KVM_SYSTEM_EVENT_CRASH)
			return failed(l, "a terminated guest can be entered");
	}
	return true;
}

static bool is_told(void *arg, unsigned int vcpu, const struct told *told)
{
	struct life *l = arg;

	return observe_has(&l->observer, vcpu, told);
}

/* Which of the rarer ways were there. */
static void count_ways(struct life *l)
{
	struct life_result *r = &l->result;

	for (unsigned int i = 0; i < l->plan.nvcpus; i++) {
		const struct vcpu_plan *v = &l->plan.vcpu[i];

		for (unsigned int n = 0; n < v->nrecords; n++) {
			const struct told *t = &v->record[n].told;

			r->walks += t->offset == WALK_OFFSET;
			r->stacks += t->offset == STACK_OFFSET;
			r->partial += t->source == SOURCE_ATTRIBUTE;
			r->unknown += t->psc.lost && l->observer.forgotten;
		}
	}
}

static bool end_of_ranges(struct life *l)
{
	int vcpu = 0;

	while (!l->plan.vcpu[vcpu].nops)
		vcpu++;
	l->result.ranges = true;
	return observe_ranges_end(&l->observer, vcpu, PLAN_RANGES_GPA / GUEST_PAGE,
				  PLAN_RANGES_STRIDE / GUEST_PAGE, l->plan.ranges);
}

static bool round_of(struct life *l, const struct step *first, const struct step *last)
{
	struct life_result *r = &l->result;

	for (const struct step *s = first; s < last; s++)
		host_step(l, s);
	if (*r->why)
		return false;
	plan_round(&l->plan, &l->model, l->run->vm, first, last);
	if (!l->model.absent)
		observe_round(&l->observer);
	if (l->plan.ranges && !observe_ranges_begin(&l->observer))
		return failed(l, "the tracepoint of PSCs can't be switched off");
	if (!run_round(l->run, &l->plan, is_told, l)) {
		for (unsigned int i = 0; i < l->plan.nvcpus; i++) {
			if (*l->run->vcpu[i].complaint)
				snprintf(r->why, sizeof(r->why), "vCPU %u: %s", i,
					 l->run->vcpu[i].complaint);
		}
		return false;
	}
	if (l->plan.ranges && !end_of_ranges(l))
		return failed(l, "the tracepoint of PSCs can't be switched on");
	r->rounds++;
	r->ops += l->plan.steps;
	if (l->model.absent)
		return verify_guests(&l->plan, l->run, r->why, sizeof(r->why));
	if (!verify_round(&l->plan, l->run, &l->observer, &l->extras, r->why, sizeof(r->why)) ||
	    !verify_counters(&l->model, &l->observer, &l->extras, &l->boot, r->why,
			     sizeof(r->why)))
		return false;
	r->settled += l->plan.settled;
	count_ways(l);
	for (unsigned int i = 0; i < l->plan.nvcpus; i++)
		r->waits += l->plan.vcpu[i].waits;
	if (r->rounds % STATES_EVERY == 1 && !check_states(l))
		return false;
	return !l->model.terminated || check_end(l);
}

static const struct step *end_of_round(const struct step *s, const struct step *end)
{
	for (s++; s < end && s->kind != STEP_ROUND; s++)
		;
	return s;
}

static bool want_sites(const struct observer *o)
{
	char path[64];

	snprintf(path, sizeof(path), "vms/%u/request_sites", o->id);
	return !knob_write(path, "on");
}

/* The VM before may still be about to go. */
static bool unload(void)
{
	unsigned int looks = UNLOAD_LOOKS;

	while (module_loaded(MODULE_NAME) && module_unload(MODULE_NAME) && looks--)
		usleep(10000);
	return !module_loaded(MODULE_NAME);
}

static bool begin(struct life *l, const struct steps *s)
{
	const struct step *launched[MAX_LAUNCHED];
	const char *wrong;
	unsigned int n = 0, nvcpus = s->n && s->step[0].kind == STEP_VM ? s->step[0].vcpu : 1;

	if (!nvcpus || nvcpus > MODEL_VCPUS)
		nvcpus = 1;
	l->rounds_before = s->n && s->step[0].kind == STEP_VM ? s->step[0].part : 0;
	if (l->rounds_before ? !unload() : !observe_reset())
		return failed(l, "the module can't be loaded, or unloaded");
	model_init(&l->model);
	l->model.absent = l->rounds_before;
	for (size_t i = 0; i < s->n && n < MAX_LAUNCHED; i++) {
		const struct step *step = &s->step[i];

		if (step->kind != STEP_LAUNCH || !step->pages || step->pages > MAX_LAUNCHED)
			continue;
		launched[n++] = step;
		l->result.cut_short += model_launch(&l->model, step->gfn, step->pages,
						    0xc3c3c3c3c3c3c3c3ull) < step->pages;
	}
	/* Any that scripts do not depend on. */
	if (nvcpus > 1 && s->step[0].private)
		l->model.vmpl1 = nvcpus - 1;
	l->run = run_create(nvcpus, l->model.vmpl1, n % 2 ? VM_POLICY_DEBUG : 0, launched, n);
	if (l->model.absent)
		return run_boot(l->run) || failed(l, "the guest does not start");
	if (!observe_open(&l->observer))
		return failed(l, "the module does not know the VM, or there is no tracefs");
	l->observer.debuggable = n % 2;
	l->observer.request_sites = n % 4 == 3;
	if (l->observer.request_sites && !want_sites(&l->observer))
		return failed(l, "request_sites can't be switched on");
	if (!run_boot(l->run))
		return failed(l, "the guest does not start");
	observe_round(&l->observer);
	wrong = observe_records(&l->observer);
	if (wrong)
		return failed(l, wrong);
	l->boot.untouched = vm_image_pages() +
			    nvcpus * (GUEST_CPU_PAGES + GUEST_SCRIPT_PAGES);
	for (unsigned int i = 0; i < nvcpus; i++)
		l->boot.pscs += RUN_BOOT_PSCS(i);
	l->boot.pscs += !!l->model.vmpl1;	/* its VMSA */
	l->boot.launch_pages = l->run->vm->launch_pages;
	l->boot.npf = observe_number(&l->observer, "npf_judged");
	l->extras.npf = l->boot.npf;
	l->model.answered = l->boot.pscs;
	return true;
}

/* The module comes, and meets a VM at its next KVM_RUN; here, one that ends at once. */
static bool load_late(struct life *l)
{
	struct vcpu *v = &l->run->vm->vcpu[0];

	if (!observe_reset())
		return failed(l, "the module can't be loaded beside a VM");
	v->run->immediate_exit = 1;
	vcpu_run_once(v);
	v->run->immediate_exit = 0;
	if (!observe_open(&l->observer))
		return failed(l, "the module does not know a VM that is older");
	model_late(&l->model);
	l->extras = (struct extras){ 0 };
	l->boot.untouched = vm_image_pages() +
			    l->run->vm->cfg.nvcpus * (GUEST_CPU_PAGES + GUEST_SCRIPT_PAGES);
	l->observer.debuggable = l->run->vm->cfg.policy & VM_POLICY_DEBUG;
	l->result.late = true;
	return true;
}

static void run_life(struct life *l, const struct steps *s)
{
	const struct step *end = s->step + s->n, *at = s->step, *next;
	bool ok = begin(l, s);

	while (ok && at < end && at->kind != STEP_ROUND)
		at++;
	for (; ok && at < end && !l->model.terminated; at = next) {
		next = end_of_round(at, end);
		alarm(LIMIT_S);
		if (l->model.absent && l->result.rounds >= l->rounds_before && !load_late(l))
			break;
		ok = round_of(l, at, next);
	}
	l->result.ok = ok && !*l->result.why && (l->model.absent || check_states(l));
	l->result.records = l->observer.total;
	l->result.pscs = l->model.count.requests;
	l->result.guest_errors = l->model.count.enforced;
	l->result.discarded = l->model.count.discarded;
	l->result.skipped = l->model.count.skipped;
	l->result.places = evidence_places();
	for (unsigned int i = 0; i < MODEL_VCPUS; i++) {
		l->result.nmis += l->model.nmis[i].nmis;
		l->result.irqs += l->model.nmis[i].irqs;
	}
	l->result.grants = l->model.grants;
	l->result.near = l->extras.again[AGAIN_NEAR];
	l->result.soon = l->extras.again[AGAIN_SOON];
	l->result.far = l->extras.again[AGAIN_NOT];
	if (!l->model.absent)
		observe_close(&l->observer);
	/* What is stuck is left to the end of this process. */
	if (l->result.ok)
		run_destroy(l->run);
}

struct life_result live(const struct steps *s)
{
	struct life_result r = { .ok = false, .why = "the VMM died" };
	int p[2], status = 0;
	pid_t pid;

	fflush(stdout);
	if (pipe(p))
		return r;
	pid = fork();
	if (!pid) {
		struct life *l = calloc(1, sizeof(*l));

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(LIMIT_S);
		run_life(l, s);
		if (write(p[1], &l->result, sizeof(l->result)) != sizeof(l->result))
			_exit(1);
		_exit(0);
	}
	close(p[1]);
	if (pid > 0 && read(p[0], &r, sizeof(r)) != sizeof(r))
		snprintf(r.why, sizeof(r.why), "the VMM died");
	close(p[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(r.why, sizeof(r.why), "a round did not end within %u s", LIMIT_S);
	return r;
}
