/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the x86 instruction format as it takes to know the length of an
 * instruction and where its memory operands are.
 */
#ifndef SNPSIM_DECODE_H
#define SNPSIM_DECODE_H

#include "cpu.h"

#define MAX_INSN_LEN	15

enum insn_map {
	MAP_ONE,		/* no escape */
	MAP_0F,
	MAP_0F38,
	MAP_0F3A,
};

/**
 * struct operand - one decoded instruction
 * @len: bytes of the whole instruction
 * @map: opcode map
 * @opcode: opcode byte within @map
 * @modrm: valid if @has_modrm
 * @rex: REX prefix (or its equivalent in a VEX prefix), 0 if none
 * @rep: 0xf3, 0xf2 or 0
 * @opsize16: operand size prefix 0x66 is there
 * @reg: ModRM.reg with REX.R: the register operand
 * @rm: ModRM.rm with REX.B, if it names a register
 * @size: bytes of the memory operand, 0 if unknown (SSE, x87 and others)
 * @has_mem: there is a memory operand, at @linear
 * @linear: linear address; of the destination (ES:rDI) for string instructions
 * @string: a string instruction, with @source valid too
 * @source: linear address of DS:rSI
 * @imm: immediate operand, sign-extended, if @imm_len is not 0
 */
struct operand {
	u8 len;
	u8 map;
	u8 opcode;
	u8 modrm;
	u8 rex;
	u8 rep;
	u8 reg;
	u8 rm;
	u8 size;
	u8 imm_len;
	bool has_modrm;
	bool has_mem;
	bool opsize16;
	bool string;
	u64 linear;
	u64 source;
	s64 imm;
};

/**
 * decode_mem() - decode one instruction of a guest
 * @c: the CPU that holds its registers
 * @v: its VMCB: mode, RIP, segments, RAX, RSP
 * @insn: MAX_INSN_LEN bytes from its RIP (zeros after what could be read)
 * @out: the result
 *
 * Return: 0, or -1 if it is longer than 15 bytes or its form is not known
 * (EVEX, XOP, far pointers as immediates).
 */
int decode_mem(struct cpu *c, struct vmcb *v, const u8 *insn, struct operand *out);

/** code_is_64bit() - the guest runs 64-bit code */
static inline bool code_is_64bit(const struct vmcb *v)
{
	return v->save.efer & EFER_LMA && v->save.cs.attrib & SEG_L;
}

#endif /* SNPSIM_DECODE_H */
