// SPDX-License-Identifier: GPL-2.0-only
/*
 * One guest with one bug, four ways.  The guest asks for one page to be shared
 * and then writes, as shared, to the page after it as well: a buffer that it
 * takes to be longer than what it asked for.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "demo.h"
#include "guard.h"
#include "module.h"

#define ASKED		GUEST_FREE_GPA
#define NOT_ASKED	(GUEST_FREE_GPA + GUEST_PAGE)
#define WORD		0x1122334455667788ull

struct way {
	const char *title;
	const char *args;	/* of the module; NULL: not loaded */
	bool lands;		/* the write must land */
	bool terminated;
};

static const struct way ways[] = {
	{ "without the module", NULL, true, false },
	{ "lenient: report it, let KVM convert the page", "mode=lenient", true, false },
	{ "strict, action=vc: the guest gets #VC", "mode=strict action=vc", false, false },
	{ "strict, action=terminate: the guest is ended", "mode=strict action=terminate", false,
	  true },
};

struct ops {
	unsigned int psc, first, second, after;
};

static void show_guest(struct vm *vm, const struct ops *o)
{
	const volatile struct guest_result *r = vm_result(vm, 0, o->second);

	printf("  guest  PSC of gfn 0x%lx to shared: %s\n", ASKED / GUEST_PAGE,
	       vm_result(vm, 0, o->psc)->code == PSC_RESP_OK ? "granted" : "refused");
	printf("         shared write to gfn 0x%lx: %s\n", ASKED / GUEST_PAGE,
	       vm_result(vm, 0, o->first)->state == RESULT_OK ? "done" : "failed");
	printf("         shared write to gfn 0x%lx, never asked for: ", NOT_ASKED / GUEST_PAGE);
	switch (r->state) {
	case RESULT_OK:
		printf("done, nothing noticed\n");
		break;
	case RESULT_FAULT:
		printf("#VC, error code 0x%lx (my handler skips the write)\n", r->error);
		break;
	default:
		printf("never finished\n");
	}
	printf("         next instruction: %s\n", vm_get_flag(vm, 0) ? "reached" : "never reached");
}

static void show_vmm(struct vm *vm)
{
	const struct vcpu *v = &vm->vcpu[0];

	for (unsigned int i = GUEST_BOOT_PSCS(0); i < v->nexits; i++) {
		const struct vm_exit *x = &v->exits[i];

		printf("%s KVM_EXIT_%s", i == GUEST_BOOT_PSCS(0) ? "  VMM   " : "        ",
		       exit_name(x->reason));
		switch (x->reason) {
		case KVM_EXIT_HYPERCALL:
			printf(": PSC of gpa 0x%lx, done", x->gpa);
			break;
		case KVM_EXIT_MEMORY_FAULT:
			printf(": gpa 0x%lx wanted shared; converted, as QEMU does", x->gpa);
			break;
		case KVM_EXIT_SYSTEM_EVENT:
			printf(": type %s, gpa 0x%lx, error code 0x%lx, class %lu",
			       x->type == KVM_SYSTEM_EVENT_CRASH ? "CRASH" : "other", x->data[0],
			       x->data[1], x->data[2]);
			break;
		case KVM_EXIT_HLT:
			printf(": the guest is done");
			break;
		}
		putchar('\n');
	}
}

static void show_log(struct vm *vm, const struct way *w)
{
	if (!w->args) {
		printf("  log    (nothing)\n");
		return;
	}
	printf("  log    rmp_enforce: violation %s\n",
	       expect_record(vm, "class=implicit_shared gfn=0x%lx op=write",
			     NOT_ASKED / GUEST_PAGE));
	expect_quiet(vm);
}

static void one_way(const struct way *w)
{
	struct vm *vm = vm_create(NULL);
	struct ops o;
	bool landed;

	vm_add_launched(vm, NOT_ASKED, 1, 0);
	o.psc = op_psc(vm, 0, ASKED, PSC_SHARED);
	o.first = op_write(vm, 0, VIEW_SHARED, ASKED, WORD);
	o.second = op_write(vm, 0, VIEW_SHARED, NOT_ASKED, WORD);
	o.after = op_set_flag(vm, 0, 0, 1);
	if (w->args)
		guard_launch(vm);
	run(vm);
	landed = *(volatile uint64_t *)vm_hva(vm, NOT_ASKED) == WORD;
	show_guest(vm, &o);
	show_log(vm, w);
	show_vmm(vm);
	printf("  page   gfn 0x%lx: %s\n\n", NOT_ASKED / GUEST_PAGE,
	       landed ? "converted, private contents gone; the write landed in host memory" :
			"still private, untouched");

	check(landed == w->lands, "the write %s", landed ? "landed" : "did not land");
	check(!vm_get_flag(vm, 0) == w->terminated, "the guest %s",
	      w->terminated ? "went on" : "did not go on");
	if (w->terminated)
		expect_crash(vm, 0, NOT_ASKED, CLASS_IMPLICIT_SHARED);
	else
		expect_halted(vm, 0);
	if (w->args && !w->lands && !w->terminated)
		expect_fault(vm, 0, o.second, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	vm_destroy(vm);
}

/* A process for each, as each VMM is one. */
static bool in_child(const struct way *w)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		guard_listen();
		one_way(w);
		fflush(stdout);
		_exit(scenario_failures ? 1 : 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

int demo(void)
{
	bool ok = true;

	printf("The same guest, with the same bug, four ways.\n\n");
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		const struct way *w = &ways[i];
		int r = 0;

		printf("%zu. %s\n", i + 1, w->title);
		if (module_loaded(MODULE_NAME))
			r = module_unload(MODULE_NAME);
		if (!r && w->args) {
			printf("  host   insmod rmp_enforce.ko %s\n", w->args);
			r = module_load(w->args);
		}
		if (r) {
			printf("# loading or unloading %s: %s\n", MODULE_NAME, strerror(r));
			return 1;
		}
		ok = in_child(w) && ok;
	}
	if (module_loaded(MODULE_NAME))
		module_unload(MODULE_NAME);
	if (!ok)
		printf("# Something is not as it should be, see above.\n");
	return ok ? 0 : 1;
}
