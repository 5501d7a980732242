// SPDX-License-Identifier: GPL-2.0-only
/*
 * For SEV-SNP guests: Linux prints where it was before it asks the host to terminate it.
 *
 * That is what its kernel does when it gets a #VC that it has no handler for, such as
 * 0x404 (PAGE_NOT_VALIDATED), and when the host refuses a page-state change.  At a #VC it
 * logs exit code, registers and stack.  But a #VC handler of the kernel runs as an NMI
 * handler does, whatever locks the interrupted code may hold: what it logs reaches the
 * consoles after it has returned, and this one does not return.  Only a panic may write
 * to consoles from there, and starts a crash kernel.  So with this module the kernel
 * panics first, and then asks, for the reason that it had.
 *
 * Nothing else is changed, and nothing runs before that moment.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cc_platform.h>
#include <linux/irqflags.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <asm/barrier.h>
#include <asm/msr-index.h>
#include <asm/sev-common.h>

/* For the GHCB MSR: the request for termination, with its reason. */
static u64 request;

/*
 * As sev_es_terminate() does it; that can't be called, it is where the kernel has been
 * stopped.  panic() calls this when all is printed, if no crash kernel and no immediate
 * reboot (panic=-1) came first.  No lock is needed: a panic runs on one CPU only.
 */
static long ask_for_termination(int state)
{
	/* An interrupt handler's #VC would put something else into the MSR. */
	native_irq_disable();
	asm volatile("wrmsr\n\trep; vmmcall"
		     :: "c" (MSR_AMD64_SEV_ES_GHCB), "a" (lower_32_bits(request)),
			"d" (upper_32_bits(request))
		     : "memory");
	return 0;
}

/*
 * Context: an NMI's.  What may be called is what is made for that: printk(), which only
 * logs here, and nmi_panic().
 */
static int before_termination(struct kprobe *p, struct pt_regs *regs)
{
	/* Its arguments. */
	unsigned int set = regs->di, reason = regs->si;

	request = GHCB_MSR_TERM_REQ | GHCB_SEV_TERM_REASON(set, reason);
	/* Another CPU may be at the end of its panic. */
	smp_store_release(&panic_blink, ask_for_termination);
	pr_emerg("the kernel asks the host to terminate this guest: reason set %u, code %u\n",
		 set, reason);
	/* Once: if another CPU panics already, this one stops here. */
	nmi_panic(regs, KBUILD_MODNAME ": panics so that consoles show where it was");
	/* This CPU panics already: it is terminated as without this module. */
	return 0;
}

static struct kprobe termination = {
	.symbol_name = "sev_es_terminate",
	.pre_handler = before_termination,
};

static int __init rmp_enforce_guest_init(void)
{
	int r;

	if (!cc_platform_has(CC_ATTR_GUEST_SEV_SNP)) {
		pr_err("not loaded: this is no SEV-SNP guest\n");
		return -ENODEV;
	}
	r = register_kprobe(&termination);
	if (r) {
		pr_err("not loaded: sev_es_terminate() of this kernel can't be hooked (error %d)\n",
		       r);
		return r;
	}
	pr_info("loaded: if the kernel is to ask for termination, it first prints where it was\n");
	return 0;
}

static void __exit rmp_enforce_guest_exit(void)
{
	unregister_kprobe(&termination);
}

module_init(rmp_enforce_guest_init);
module_exit(rmp_enforce_guest_exit);

MODULE_DESCRIPTION("SEV-SNP guests: prints where the kernel was before it asks to be terminated");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
