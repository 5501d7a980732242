// SPDX-License-Identifier: GPL-2.0-only
/*
 * As much of the x86 instruction format as it takes to know the length of an
 * instruction and where its memory operands are (APM volume 3, chapter 1 and
 * appendix A).
 */
#include "decode.h"

#define REX_W	8
#define REX_R	4
#define REX_X	2
#define REX_B	1

#define RCODE_RSI 6
#define RCODE_RDI 7

struct decoder {
	struct cpu *c;
	struct vmcb *v;
	const u8 *insn;
	struct operand *out;
	const struct seg *override;	/* segment prefix, NULL: the default */
	unsigned int pos;
	unsigned int addr_size;		/* 2, 4, 8 */
	unsigned int op_size;		/* 2, 4, 8 */
	bool wide;			/* 64-bit code */
	bool rip_relative;
};

static u64 reg_value(struct decoder *d, unsigned int n)
{
	u64 val = *gpr_ptr(d->c, d->v, n);

	if (d->addr_size == 4)
		return (u32)val;
	if (d->addr_size == 2)
		return (u16)val;
	return val;
}

/* Little-endian immediate or displacement of @n bytes, sign-extended. */
static s64 take(struct decoder *d, unsigned int n)
{
	u64 val = 0;
	unsigned int i;

	for (i = 0; i < n && d->pos + i < MAX_INSN_LEN; i++)
		val |= (u64)d->insn[d->pos + i] << 8 * i;
	d->pos += n;
	if (n && n < 8 && val >> (8 * n - 1))
		val |= ~0ul << 8 * n;
	return val;
}

static u64 segment_base(struct decoder *d, const struct seg *def)
{
	const struct seg *s = d->override ? d->override : def;

	if (d->wide && s != &d->v->save.fs && s != &d->v->save.gs)
		return 0;
	return s->base;
}

static u64 linear(struct decoder *d, u64 offset, u64 base)
{
	if (d->addr_size == 4)
		offset = (u32)offset;
	else if (d->addr_size == 2)
		offset = (u16)offset;
	return d->wide ? base + offset : (u32)(base + offset);
}

static bool prefix(struct decoder *d, u8 b, bool is_32bit)
{
	struct vmsa *s = &d->v->save;

	switch (b) {
	case 0x26:
		d->override = &s->es;
		return true;
	case 0x2e:
		d->override = &s->cs;
		return true;
	case 0x36:
		d->override = &s->ss;
		return true;
	case 0x3e:
		d->override = &s->ds;
		return true;
	case 0x64:
		d->override = &s->fs;
		return true;
	case 0x65:
		d->override = &s->gs;
		return true;
	case 0x66:
		d->out->opsize16 = true;
		d->op_size = is_32bit ? 2 : 4;
		return true;
	case 0x67:
		d->addr_size = d->wide ? 4 : is_32bit ? 2 : 4;
		return true;
	case 0xf0:
		return true;
	case 0xf2:
	case 0xf3:
		d->out->rep = b;
		return true;
	default:
		return false;
	}
}

static void prefixes(struct decoder *d)
{
	bool is_32bit = d->wide || d->v->save.cs.attrib & SEG_DB;

	d->addr_size = d->wide ? 8 : is_32bit ? 4 : 2;
	d->op_size = is_32bit ? 4 : 2;
	while (d->pos < MAX_INSN_LEN && prefix(d, d->insn[d->pos], is_32bit))
		d->pos++;
	if (d->wide && d->pos < MAX_INSN_LEN && (d->insn[d->pos] & 0xf0) == 0x40) {
		d->out->rex = d->insn[d->pos++];
		if (d->out->rex & REX_W)
			d->op_size = 8;
	}
}

/* VEX replaces REX and the escape bytes; outside 64-bit code it is LES or LDS. */
static bool vex(struct decoder *d)
{
	u8 first = d->insn[d->pos], second = d->insn[d->pos + 1];

	if ((first != 0xc4 && first != 0xc5) || (!d->wide && second >> 6 != 3))
		return false;
	d->out->rex = second & 0x80 ? 0 : REX_R;
	d->out->map = MAP_0F;
	d->pos += 2;
	if (first == 0xc4) {
		d->out->rex |= (second & 0x40 ? 0 : REX_X) | (second & 0x20 ? 0 : REX_B);
		d->out->map = second & 0x1f;
		if (d->insn[d->pos++] & 0x80)
			d->out->rex |= REX_W;
	}
	d->out->opcode = d->insn[d->pos++];
	return true;
}

static void opcode(struct decoder *d)
{
	struct operand *o = d->out;

	o->map = MAP_ONE;
	o->opcode = d->insn[d->pos++];
	if (o->opcode != 0x0f)
		return;
	o->map = MAP_0F;
	o->opcode = d->insn[d->pos++];
	if (o->opcode == 0x38 || o->opcode == 0x3a) {
		o->map = o->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
		o->opcode = d->insn[d->pos++];
	}
}

static bool has_modrm(const struct operand *o)
{
	u8 b = o->opcode;

	if (o->map == MAP_0F38 || o->map == MAP_0F3A)
		return true;
	if (o->map == MAP_0F) {
		switch (b) {
		case 0x04 ... 0x0c:
		case 0x0e:
		case 0x30 ... 0x37:
		case 0x77:
		case 0x80 ... 0x8f:
		case 0xa0 ... 0xa2:
		case 0xa8 ... 0xaa:
		case 0xc8 ... 0xcf:
			return false;
		default:
			return true;
		}
	}
	switch (b) {
	case 0x00 ... 0x3f:
		return (b & 7) < 4;
	case 0x62 ... 0x63:
	case 0x69:
	case 0x6b:
	case 0x80 ... 0x8f:
	case 0xc0 ... 0xc1:
	case 0xc4 ... 0xc7:
	case 0xd0 ... 0xd3:
	case 0xd8 ... 0xdf:
	case 0xf6 ... 0xf7:
	case 0xfe ... 0xff:
		return true;
	default:
		return false;
	}
}

/* Bytes of the immediate operand. */
static unsigned int imm_len(struct decoder *d)
{
	const struct operand *o = d->out;
	unsigned int z = d->op_size == 2 ? 2 : 4;

	if (o->map == MAP_0F38)
		return 0;
	if (o->map == MAP_0F3A)
		return 1;
	if (o->map == MAP_0F) {
		switch (o->opcode) {
		case 0x70 ... 0x73:
		case 0xa4:
		case 0xac:
		case 0xba:
		case 0xc2:
		case 0xc4 ... 0xc6:
			return 1;
		case 0x80 ... 0x8f:
			return z;
		default:
			return 0;
		}
	}
	switch (o->opcode) {
	case 0x00 ... 0x3f:
		if ((o->opcode & 7) == 4)
			return 1;
		return (o->opcode & 7) == 5 ? z : 0;
	case 0x68:
	case 0x69:
	case 0x81:
	case 0xa9:
	case 0xc7:
	case 0xe8:
	case 0xe9:
		return z;
	case 0x6a:
	case 0x6b:
	case 0x70 ... 0x80:
	case 0x82 ... 0x83:
	case 0xa8:
	case 0xb0 ... 0xb7:
	case 0xc0 ... 0xc1:
	case 0xc6:
	case 0xcd:
	case 0xd4 ... 0xd5:
	case 0xe0 ... 0xe7:
	case 0xeb:
		return 1;
	case 0xb8 ... 0xbf:
		return d->op_size;
	case 0xc2:
	case 0xca:
		return 2;
	case 0xc8:
		return 3;
	case 0xf6:
		return (o->modrm >> 3 & 7) < 2 ? 1 : 0;
	case 0xf7:
		return (o->modrm >> 3 & 7) < 2 ? z : 0;
	default:
		return 0;
	}
}

/* 16-bit addressing: fixed pairs of registers. */
static void operand_16(struct decoder *d, unsigned int mod, unsigned int rm)
{
	static const u8 first[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };	/* BX BX BP BP SI DI BP BX */
	static const u8 second[8] = { 6, 7, 6, 7, 0xff, 0xff, 0xff, 0xff };
	const struct vmsa *s = &d->v->save;
	bool stack = first[rm] == 5 && !(rm == 6 && !mod);
	u64 ea = 0;

	if (rm == 6 && !mod) {
		ea = take(d, 2);
	} else {
		ea = reg_value(d, first[rm]);
		if (second[rm] != 0xff)
			ea += reg_value(d, second[rm]);
		ea += take(d, mod);
	}
	d->out->linear = linear(d, ea, segment_base(d, stack ? &s->ss : &s->ds));
}

static void operand_32(struct decoder *d, unsigned int mod, unsigned int rm)
{
	const struct vmsa *s = &d->v->save;
	unsigned int base = rm | (d->out->rex & REX_B ? 8 : 0);
	bool has_base = true, stack;
	u64 ea = 0;

	if (rm == 4) {
		u8 sib = d->insn[d->pos++];
		unsigned int index = (sib >> 3 & 7) | (d->out->rex & REX_X ? 8 : 0);

		if (index != 4)
			ea = reg_value(d, index) << (sib >> 6);
		base = (sib & 7) | (d->out->rex & REX_B ? 8 : 0);
		has_base = !((sib & 7) == 5 && !mod);
	} else if (rm == 5 && !mod) {
		has_base = false;
		d->rip_relative = d->wide;
	}
	if (has_base)
		ea += reg_value(d, base);
	ea += take(d, mod == 1 ? 1 : mod == 2 || !has_base ? 4 : 0);
	stack = has_base && (base == 4 || base == 5);
	d->out->linear = linear(d, ea, segment_base(d, stack ? &s->ss : &s->ds));
}

static void modrm(struct decoder *d)
{
	struct operand *o = d->out;
	unsigned int mod, rm;

	o->has_modrm = true;
	o->modrm = d->insn[d->pos++];
	mod = o->modrm >> 6;
	rm = o->modrm & 7;
	o->reg = (o->modrm >> 3 & 7) | (o->rex & REX_R ? 8 : 0);
	o->rm = rm | (o->rex & REX_B ? 8 : 0);
	/* MOV to and from control and debug registers ignores mod. */
	if (mod == 3 || (o->map == MAP_0F && o->opcode >= 0x20 && o->opcode <= 0x23))
		return;
	o->has_mem = true;
	if (d->addr_size == 2)
		operand_16(d, mod, rm);
	else
		operand_32(d, mod, rm);
}

/* Size of the memory operand of the common general-purpose instructions. */
static unsigned int mem_size(struct decoder *d)
{
	u8 b = d->out->opcode;

	if (d->out->map == MAP_0F) {
		switch (b) {
		case 0x90 ... 0x9f:
		case 0xb0:
		case 0xb6:
		case 0xbe:
		case 0xc0:
			return 1;
		case 0xb7:
		case 0xbf:
			return 2;
		case 0x40 ... 0x4f:
		case 0xa3 ... 0xa5:
		case 0xab ... 0xad:
		case 0xaf:
		case 0xb1:
		case 0xb3:
		case 0xba ... 0xbd:
		case 0xc1:
		case 0xc3:
			return d->op_size;
		default:
			return 0;
		}
	}
	if (d->out->map != MAP_ONE)
		return 0;
	switch (b) {
	case 0x63:
		return 4;
	case 0x00 ... 0x3f:
	case 0x80 ... 0x8b:
	case 0xa0 ... 0xa7:
	case 0xaa ... 0xaf:
	case 0xc0 ... 0xc1:
	case 0xc6 ... 0xc7:
	case 0xd0 ... 0xd3:
	case 0xf6 ... 0xf7:
	case 0xfe ... 0xff:
		return b & 1 ? d->op_size : 1;
	case 0x69:
	case 0x6b:
	case 0x8f:
		return d->op_size;
	case 0x6c:
	case 0x6e:
		return 1;
	case 0x6d:
	case 0x6f:
		return d->op_size == 8 ? 4 : d->op_size;
	default:
		return 0;
	}
}

/* Operands that no ModRM byte names: string instructions, MOV with an address. */
static void implicit_operands(struct decoder *d)
{
	struct operand *o = d->out;
	const struct vmsa *s = &d->v->save;

	if (o->map != MAP_ONE)
		return;
	switch (o->opcode) {
	case 0x6c ... 0x6f:
	case 0xa4 ... 0xa7:
	case 0xaa ... 0xaf:
		o->string = true;
		o->has_mem = true;
		/* ES can't be overridden. */
		o->linear = linear(d, reg_value(d, RCODE_RDI), d->wide ? 0 : s->es.base);
		o->source = linear(d, reg_value(d, RCODE_RSI), segment_base(d, &s->ds));
		/* Those that only read rSI have no other operand. */
		if (o->opcode == 0x6e || o->opcode == 0x6f || (o->opcode & 0xfe) == 0xac)
			o->linear = o->source;
		break;
	case 0xa0 ... 0xa3:
		o->has_mem = true;
		o->linear = linear(d, take(d, d->addr_size), segment_base(d, &s->ds));
		break;
	default:
		break;
	}
}

int decode_mem(struct cpu *c, struct vmcb *v, const u8 *insn, struct operand *out)
{
	struct decoder d = { .c = c, .v = v, .insn = insn, .out = out };

	*out = (struct operand){ 0 };
	d.wide = code_is_64bit(v);
	prefixes(&d);
	/* VEX, opcode, ModRM and SIB must still be within the buffer. */
	if (d.pos > MAX_INSN_LEN - 6)
		return -1;
	if (!vex(&d))
		opcode(&d);
	if (out->map > MAP_0F3A)
		return -1;
	if (out->map == MAP_ONE && (out->opcode == 0x62 || out->opcode == 0x9a ||
				    out->opcode == 0xea))
		return -1;
	if (has_modrm(out))
		modrm(&d);
	else
		implicit_operands(&d);
	out->imm_len = imm_len(&d);
	out->imm = take(&d, out->imm_len);
	if (d.pos > MAX_INSN_LEN)
		return -1;
	out->len = d.pos;
	if (out->has_mem)
		out->size = mem_size(&d);
	if (d.rip_relative)
		out->linear += v->save.rip + d.pos;
	return 0;
}
