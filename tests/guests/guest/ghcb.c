// SPDX-License-Identifier: GPL-2.0-only
/* Talking to the hypervisor: GHCB MSR protocol and GHCB page (NAE events). */
#include "guest.h"

#define MSR_GHCB		0xc0010130u
#define GHCB_REG_REQ		0x012ul
#define GHCB_REG_RESP		0x013ul
#define GHCB_PSC_REQ		0x014ul
#define GHCB_PSC_RESP		0x015ul
#define GHCB_TERM_REQ		0x100ul
#define GHCB_INFO_MASK		0xffful

#define EXIT_IOIO		0x7bul
#define IOIO_BYTE		(1ul << 4)	/* operand size (APM volume 2, 15.10.2) */
#define IOIO_A64		(1ul << 9)
#define EXIT_VMMCALL		0x81ul
#define EXIT_PSC		0x80000010ul
#define EXIT_NMI_COMPLETE	0x80000003ul
#define EXIT_AP_CREATION	0x80000013ul
#define AP_CREATE		1ul
#define HC_MAP_GPA_RANGE	12ul

/* The parts of a GHCB page (GHCB specification, table 3) that are used here. */
struct ghcb {
	uint8_t pad0[0xcb];
	uint8_t cpl;
	uint8_t pad1[0x1f8 - 0xcc];
	uint64_t rax;
	uint8_t pad2[0x308 - 0x200];
	uint64_t rcx, rdx, rbx;
	uint8_t pad3[0x330 - 0x320];
	uint64_t rsi;
	uint8_t pad4[0x390 - 0x338];
	uint64_t exit_code, exit_info_1, exit_info_2, scratch;
	uint8_t pad5[0x3f0 - 0x3b0];
	uint8_t valid[16];
	uint8_t pad6[0x800 - 0x400];
	uint8_t buffer[2032];
	uint8_t pad7[10];
	uint16_t version;
	uint32_t usage;
};

static_assert(sizeof(struct ghcb) == GUEST_PAGE, "");
static_assert(offsetof(struct ghcb, rsi) == 0x330, "");
static_assert(offsetof(struct ghcb, scratch) == 0x3a8, "");
static_assert(offsetof(struct ghcb, version) == 0xffa, "");

#define MARK_VALID(g, field)						\
	((g)->valid[offsetof(struct ghcb, field) / 64] |=		\
		1 << (offsetof(struct ghcb, field) / 8 % 8))

static void wrmsr(uint32_t msr, uint64_t v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return lo | (uint64_t)hi << 32;
}

static void vmgexit(void)
{
	asm volatile("rep; vmmcall" : : : "memory");
}

/* The compiler moves nothing over this. */
static void barrier(void)
{
	asm volatile("" : : : "memory");
}

static void request_begin(struct cpu *c)
{
	c->in_request++;
	barrier();
}

static void request_end(struct cpu *c)
{
	barrier();
	c->in_request--;
	nmi_complete(c);
}

/*
 * A #VC in the middle of an MSR protocol exchange would be fatal if its
 * handler used the MSR too; the handlers here only do so to terminate.
 */
static uint64_t msr_call(uint64_t req)
{
	struct cpu *c = this_cpu();
	uint64_t response;

	request_begin(c);
	wrmsr(MSR_GHCB, req);
	vmgexit();
	response = rdmsr(MSR_GHCB);
	request_end(c);
	return response;
}

void terminate(unsigned int set, unsigned int code)
{
	for (;;)
		msr_call(GHCB_TERM_REQ | (uint64_t)set << 12 | (uint64_t)code << 16);
}

/* Returns the response as it came: 0x015, with bits 63:32 nonzero on error. */
uint64_t psc_msr(uint64_t gpa, unsigned int op)
{
	return msr_call(GHCB_PSC_REQ | (gpa & 0x000ffffffffff000ul) | (uint64_t)op << 52);
}

static volatile struct ghcb *ghcb_of(struct cpu *c)
{
	return shared_va(GUEST_GHCB_GPA(c->info.index));
}

static volatile struct ghcb *ghcb_prepare(struct cpu *c, uint64_t exit_code, uint64_t info_1)
{
	volatile struct ghcb *g = ghcb_of(c);

	for (unsigned int i = 0; i < sizeof(g->valid); i++)
		g->valid[i] = 0;
	g->version = 2;
	g->usage = 0;
	g->exit_code = exit_code;
	g->exit_info_1 = info_1;
	g->exit_info_2 = 0;
	MARK_VALID(g, exit_code);
	MARK_VALID(g, exit_info_1);
	MARK_VALID(g, exit_info_2);
	return g;
}

static void ghcb_call(struct cpu *c)
{
	wrmsr(MSR_GHCB, GUEST_GHCB_GPA(c->info.index));
	vmgexit();
}

/*
 * The buffer goes to the GHCB as it is, malformed or not, but for @gpa, which is added
 * to all of its entries.  Like Linux, ask again while the hypervisor has left entries
 * undone without an error.
 * Returns SW_EXITINFO2; *hdr is the buffer's header afterwards.
 */
uint64_t psc_nae(struct cpu *c, const void *buf, unsigned int len, uint64_t gpa,
		 uint64_t *hdr)
{
	volatile struct ghcb *g = ghcb_of(c);
	const uint8_t *p = buf;
	uint16_t cur, end;
	uint64_t ret;

	request_begin(c);
	for (unsigned int i = 0; i < len && i < sizeof(g->buffer); i++)
		g->buffer[i] = p[i];
	for (unsigned int i = 1; gpa && i < len / 8 && i < sizeof(g->buffer) / 8; i++)
		((volatile uint64_t *)g->buffer)[i] += gpa;
	do {
		ghcb_prepare(c, EXIT_PSC, 0);
		g->scratch = GUEST_GHCB_GPA(c->info.index) + offsetof(struct ghcb, buffer);
		MARK_VALID(g, scratch);
		ghcb_call(c);
		ret = g->exit_info_2;
		*hdr = *(volatile uint64_t *)g->buffer;
		cur = *hdr & 0xffff;
		end = *hdr >> 16 & 0xffff;
	} while (!ret && cur <= end);
	request_end(c);
	return ret;
}

uint64_t psc_hypercall(struct cpu *c, uint64_t gpa, uint64_t pages, uint64_t attributes)
{
	volatile struct ghcb *g;
	uint64_t ret;

	request_begin(c);
	g = ghcb_prepare(c, EXIT_VMMCALL, 0);
	g->rax = HC_MAP_GPA_RANGE;
	g->rbx = gpa;
	g->rcx = pages;
	g->rdx = attributes;
	g->rsi = 0;
	g->cpl = 0;
	MARK_VALID(g, rax);
	MARK_VALID(g, rbx);
	MARK_VALID(g, rcx);
	MARK_VALID(g, rdx);
	MARK_VALID(g, rsi);
	MARK_VALID(g, cpl);
	ghcb_call(c);
	ret = g->rax;
	request_end(c);
	return ret;
}

static void prepare_out(struct cpu *c, unsigned int port)
{
	volatile struct ghcb *g = ghcb_prepare(c, EXIT_IOIO, (uint64_t)port << 16 | IOIO_A64 |
					       IOIO_BYTE);

	g->rax = 0;
	MARK_VALID(g, rax);
}

/* A byte to a port: KVM leaves KVM_RUN for it. */
void port_out(struct cpu *c, unsigned int port)
{
	request_begin(c);
	prepare_out(c, port);
	ghcb_call(c);
	request_end(c);
}

void port_out_on_stack(struct cpu *c, unsigned int port, uint64_t rsp)
{
	uint64_t ghcb = GUEST_GHCB_GPA(c->info.index), old;

	request_begin(c);
	prepare_out(c, port);
	asm volatile("mov %%rsp, %0\n\t"
		     "mov %1, %%rsp\n\t"
		     "wrmsr\n\t"
		     "rep; vmmcall\n\t"
		     "mov %0, %%rsp"
		     : "=&r"(old)
		     : "r"(rsp), "c"(MSR_GHCB), "a"((uint32_t)ghcb), "d"((uint32_t)(ghcb >> 32))
		     : "memory");
	request_end(c);
}

/*
 * The end of an NMI's handler: from here on KVM may inject the next one, which may come at
 * once. Without that none comes, as KVM can't see an SNP guest's IRET.
 */
void nmi_complete(struct cpu *c)
{
	while (c->nmi_due && !c->nmi_hold && !c->in_request) {
		c->in_request++;
		c->nmi_due = 0;
		ghcb_prepare(c, EXIT_NMI_COMPLETE, 0);
		ghcb_call(c);
		barrier();
		c->in_request--;
	}
}

/* Returns SW_EXITINFO2 as the hypervisor left it: 0, or an error with SW_EXITINFO1. */
uint64_t ap_creation(struct cpu *c, uint64_t vmsa_gpa, unsigned int vcpu, uint64_t sev_features)
{
	volatile struct ghcb *g;
	uint64_t ret;

	request_begin(c);
	g = ghcb_prepare(c, EXIT_AP_CREATION, (uint64_t)vcpu << 32 | AP_CREATE);
	g->exit_info_2 = vmsa_gpa;
	g->rax = sev_features;
	MARK_VALID(g, rax);
	ghcb_call(c);
	ret = g->exit_info_1 & 0xffffffff ? g->exit_info_2 : 0;
	request_end(c);
	return ret;
}

/*
 * Asks for this vCPU's GHCB and status pages to be shared and registers the
 * GHCB.  They were never launched nor validated, so no PVALIDATE is due.
 */
int ghcb_setup(struct cpu *c)
{
	uint64_t ghcb = GUEST_GHCB_GPA(c->info.index), status = GUEST_STATUS_GPA(c->info.index);

	if (psc_msr(ghcb, PSC_SHARED) != GHCB_PSC_RESP)
		return -1;
	for (unsigned int i = 0; i < GUEST_STATUS_PAGES; i++) {
		if (psc_msr(status + i * GUEST_PAGE, PSC_SHARED) != GHCB_PSC_RESP)
			return -1;
	}
	if (msr_call(GHCB_REG_REQ | ghcb) != (GHCB_REG_RESP | ghcb))
		return -1;
	c->status = shared_va(status);
	return 0;
}
