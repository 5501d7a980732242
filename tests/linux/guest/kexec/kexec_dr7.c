// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the SNP guest: lets a kernel that gives its shared pages back (6.13 and newer)
 * get into the next one where DR7 is intercepted.
 *
 * machine_kexec() resets DR7 (hw_breakpoint_disable()).  Without DebugSwap, which QEMU
 * 10.0 can't ask KVM for, that is a #VC.  By then snp_kexec_finish() has given back the
 * GHCBs, too, so that vc_raw_handle_exception() writes through a null pointer; and the
 * report of that reads DR7.  With this module DR0 is reset in its place: nobody uses
 * either.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/string.h>

#define SEARCHED_BYTES 256

/* mov $7, %edi: the register's number, for pv_ops.cpu.set_debugreg */
static const u8 number_of_dr7[] = { 0xbf, 0x07, 0x00, 0x00, 0x00 };

static int before_number(struct kprobe *p, struct pt_regs *regs)
{
	regs->di = 0;
	regs->ip = (unsigned long)p->addr + sizeof(number_of_dr7);
	return 1;
}

/* That there is one keeps kprobes from replacing the breakpoint by a jump. */
static void after_number(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = "machine_kexec",
	.pre_handler = before_number,
	.post_handler = after_number,
};

static int __init kexec_dr7_init(void)
{
	const u8 *text;
	int r;

	/* To learn where it is. */
	r = register_kprobe(&probe);
	if (r)
		return r;
	text = (const u8 *)probe.addr;
	unregister_kprobe(&probe);
	probe.symbol_name = NULL;
	for (int i = 0; i < SEARCHED_BYTES; i++) {
		if (memcmp(text + i, number_of_dr7, sizeof(number_of_dr7)))
			continue;
		probe.addr = (kprobe_opcode_t *)(text + i);
		probe.flags = 0;
		return register_kprobe(&probe);
	}
	pr_err("machine_kexec() does not reset DR7 as it did\n");
	return -ENOENT;
}

static void __exit kexec_dr7_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(kexec_dr7_init);
module_exit(kexec_dr7_exit);

MODULE_DESCRIPTION("kexec of an SEV-SNP guest whose DR7 is intercepted");
MODULE_LICENSE("GPL");
