// SPDX-License-Identifier: GPL-2.0-only
/*
 * Emulation of the instructions with which Linux accesses device registers:
 * MOV in all its forms, and MOVS, which memcpy_toio() compiles to.
 */
#include "decode.h"
#include "hostmem.h"
#include "iommu.h"
#include "lib.h"
#include "mmio.h"
#include "psp_mbox.h"

#define OP_MOV_MR	0x89
#define OP_MOV_RM	0x8b
#define OP_MOV_MI8	0xc6
#define OP_MOV_MI	0xc7
#define OP_MOVS8	0xa4
#define OP_MOVS		0xa5

static u64 mmio_read(u64 pa)
{
	u32 offset;

	if (iommu_mmio_offset(pa, &offset))
		return iommu_mmio_read(offset);
	if (psp_mmio_offset(pa, &offset))
		return psp_mmio_read(offset);
	return ~0ul;
}

static void mmio_write(u64 pa, u64 val, unsigned int size)
{
	u32 offset;

	if (iommu_mmio_offset(pa, &offset))
		iommu_mmio_write(offset, val, size);
	else if (psp_mmio_offset(pa, &offset))
		psp_mmio_write(offset, val);
}

/* A result of 8 or 16 bits leaves the rest of the register alone. */
static void set_reg(u64 *reg, u64 val, unsigned int size)
{
	if (size >= 4)
		*reg = size == 8 ? val : (u32)val;
	else
		memcpy(reg, &val, size);
}

static void get_insn(struct cpu *c, struct operand *op)
{
	struct vmcb *v = &c->vmcb01;
	u8 insn[MAX_INSN_LEN] = { 0 };
	int n = PAGE_SIZE - (v->save.rip & ~PAGE_MASK);

	if (n > MAX_INSN_LEN)
		n = MAX_INSN_LEN;
	if (host_copy_from(v, v->save.rip, insn, n) ||
	    (n < MAX_INSN_LEN && host_copy_from(v, v->save.rip + n, insn + n, MAX_INSN_LEN - n)) ||
	    decode_mem(c, v, insn, op))
		die("register access by an unknown instruction: rip %lx, %lx %lx",
		    v->save.rip, *(u64 *)insn, v->control.exit_info_2);
}

/* Memory to registers, upwards: all that memcpy_toio() does. */
static void movs(struct cpu *c, const struct operand *op, u64 pa)
{
	struct vmcb *v = &c->vmcb01;
	u64 n = op->rep ? c->gpr[GPR_RCX] : 1, done;

	for (done = 0; done < n; done++) {
		u64 val = 0;

		/* Beyond the page the destination needs another walk: exit again. */
		if (done && !(pa & ~PAGE_MASK))
			break;
		if (host_copy_from(v, op->source + done * op->size, &val, op->size))
			die("MOVS to a register: source %lx is not mapped", op->source);
		mmio_write(pa, val, op->size);
		pa += op->size;
	}
	c->gpr[GPR_RSI] += done * op->size;
	c->gpr[GPR_RDI] += done * op->size;
	if (op->rep)
		c->gpr[GPR_RCX] -= done;
	if (done == n)
		v->save.rip += op->len;
}

bool mmio_access(struct cpu *c, u64 gpa)
{
	struct vmcb *v = &c->vmcb01;
	struct operand op;
	u32 offset;

	if (!iommu_mmio_offset(gpa, &offset) && !psp_mmio_offset(gpa, &offset))
		return false;
	get_insn(c, &op);
	if (op.map != MAP_ONE)
		goto unknown;

	switch (op.opcode) {
	case OP_MOV_RM:
		set_reg(gpr_ptr(c, v, op.reg), mmio_read(gpa), op.size);
		break;
	case OP_MOV_MR:
		mmio_write(gpa, *gpr_ptr(c, v, op.reg), op.size);
		break;
	case OP_MOV_MI8:
	case OP_MOV_MI:
		mmio_write(gpa, op.imm, op.size);
		break;
	case OP_MOVS8:
	case OP_MOVS:
		if (host_walk(v->save.cr3, op.linear, NULL) != gpa)
			goto unknown;		/* registers are the source */
		movs(c, &op, gpa);
		return true;
	default:
		goto unknown;
	}
	v->save.rip += op.len;
	return true;
unknown:
	die("register access by opcode %x: rip %lx, address %lx", op.opcode, v->save.rip, gpa);
}
