// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI: an IVRS table, which makes Linux believe in the IOMMU, and a MADT with
 * the multiprocessor wakeup structure (ACPI 6.5, 5.2.12.19), by which Linux
 * starts CPUs through a mailbox instead of INIT and SIPI.
 *
 * The firmware's tables lie in memory that it has write-protected, so copies
 * of RSDP, RSDT and MADT are made; Linux finds the RSDP through the zero page.
 */
#include "acpi.h"
#include "apic.h"
#include "idt.h"
#include "iommu.h"
#include "lib.h"
#include "psp_mbox.h"

#define BIOS_AREA		0xe0000ul
#define BIOS_AREA_END		0x100000ul
#define RSDP_SIZE		20		/* revision 0 */

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	u32 creator_id;
	u32 creator_revision;
} __packed;

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
} __packed;

#define MADT_ENTRIES		(sizeof(struct acpi_header) + 8)
#define MADT_LOCAL_APIC		0
#define MADT_LOCAL_X2APIC	9
#define MADT_WAKEUP		0x10
#define MADT_ENABLED		BIT(0)
#define NO_CPU			(~0u)

struct madt_wakeup {
	u8 type;
	u8 length;
	u16 mailbox_version;
	u32 reserved;
	u64 mailbox;
} __packed;

/* The first half belongs to the operating system, the second to the firmware. */
static struct mailbox {
	u16 command;
	u16 reserved;
	u32 apic_id;
	u64 vector;
	u8 reserved_os[2032];
	u8 reserved_firmware[2048];
} mailbox __aligned(4096);

static_assert(sizeof(mailbox) == 4096, "mailbox");

#define MAILBOX_WAKEUP		1

static u8 tables[16384] __aligned(4096);
static size_t tables_used;

static u8 checksum(const void *table, size_t len)
{
	const u8 *p = table;
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return -sum;
}

static void *table_alloc(size_t size)
{
	void *p = &tables[tables_used];

	tables_used += ALIGN_UP(size, 16ul);
	if (tables_used > sizeof(tables))
		die("ACPI tables: no space for %lu bytes", size);
	return p;
}

/* A copy with @extra zero bytes at the end. */
static struct acpi_header *table_copy(const struct acpi_header *from, u32 extra)
{
	struct acpi_header *h = table_alloc(from->length + extra);

	memcpy(h, from, from->length);
	h->length += extra;
	return h;
}

static void table_finish(struct acpi_header *h)
{
	h->checksum = 0;
	h->checksum = checksum(h, h->length);
}

static const struct rsdp *find_rsdp(void)
{
	u64 p;

	for (p = BIOS_AREA; p < BIOS_AREA_END; p += 16) {
		if (!memcmp(pa_to_ptr(p), "RSD PTR ", 8) && !checksum(pa_to_ptr(p), RSDP_SIZE))
			return pa_to_ptr(p);
	}
	die("the firmware has no ACPI tables");
}

static struct acpi_header *build_ivrs(const struct acpi_header *oem)
{
	struct acpi_header *h = table_alloc(256);

	*h = *oem;
	memcpy(h->signature, "IVRS", 4);
	h->revision = 2;
	h->length = sizeof(*h) + iommu_fill_ivrs((u8 *)(h + 1), PSP_DEVFN);
	table_finish(h);
	return h;
}

/* The APIC id of the CPU that this entry makes known, or NO_CPU. */
static u32 madt_cpu(const u8 *e)
{
	u32 id = NO_CPU;

	if (e[0] == MADT_LOCAL_APIC && e[4] & MADT_ENABLED)
		id = e[3];
	else if (e[0] == MADT_LOCAL_X2APIC && e[8] & MADT_ENABLED)
		memcpy(&id, &e[4], sizeof(id));
	return id;
}

/* The firmware's without this CPU, and with the wakeup structure. */
static struct acpi_header *build_madt(const struct acpi_header *madt, unsigned int *nr_cpus)
{
	const u8 *from = (const u8 *)madt + MADT_ENTRIES, *end = (const u8 *)madt + madt->length;
	struct acpi_header *h = table_copy(madt, sizeof(struct madt_wakeup));
	u8 *to = (u8 *)h + MADT_ENTRIES;
	u32 self = apic_id(), last = self;
	struct madt_wakeup w = {
		.type = MADT_WAKEUP,
		.length = sizeof(w),
		.mailbox = (u64)&mailbox,
	};

	*nr_cpus = 0;
	for (; from + 2 <= end && from[1] >= 2; from += from[1]) {
		u32 id = madt_cpu(from);

		if (id == self)
			continue;
		if (id != NO_CPU && id != ++last)
			die("APIC id %x in the firmware's MADT where %x was expected", id, last);
		*nr_cpus += id != NO_CPU;
		memcpy(to, from, from[1]);
		to += from[1];
	}
	memcpy(to, &w, sizeof(w));
	to += sizeof(w);
	h->length = to - (u8 *)h;
	table_finish(h);
	return h;
}

u64 acpi_init(unsigned int *nr_cpus)
{
	const struct rsdp *old = find_rsdp();
	const struct acpi_header *old_rsdt = pa_to_ptr(old->rsdt);
	struct acpi_header *rsdt = table_copy(old_rsdt, sizeof(u32));
	u32 *entry = (u32 *)(rsdt + 1);
	unsigned int i, n = (old_rsdt->length - sizeof(*old_rsdt)) / sizeof(u32);
	struct rsdp *rsdp;

	*nr_cpus = 0;
	for (i = 0; i < n; i++) {
		const struct acpi_header *t = pa_to_ptr(entry[i]);

		if (!memcmp(t->signature, "APIC", 4))
			entry[i] = (u64)build_madt(t, nr_cpus);
	}
	if (!*nr_cpus)
		die("the machine needs two CPUs or more: Linux does not get the first");
	entry[n] = (u64)build_ivrs(old_rsdt);
	table_finish(rsdt);

	rsdp = table_alloc(sizeof(*rsdp));
	*rsdp = *old;
	rsdp->revision = 0;
	rsdp->rsdt = (u64)rsdt;
	rsdp->checksum = 0;
	rsdp->checksum = checksum(rsdp, RSDP_SIZE);
	return (u64)rsdp;
}

/*
 * Nothing tells this CPU when the mailbox is written, so look once in a
 * millisecond and sleep in between: Linux may not want it for a long time.
 */
u64 acpi_wait_wakeup(u32 apic_id)
{
	u64 vector;

	apic_tick_start(VECTOR_TICK);
	while (__atomic_load_n(&mailbox.command, __ATOMIC_ACQUIRE) != MAILBOX_WAKEUP ||
	       READ_ONCE(mailbox.apic_id) != apic_id)
		asm volatile("sti; hlt; cli" ::: "memory");
	apic_tick_stop();
	vector = READ_ONCE(mailbox.vector);
	__atomic_store_n(&mailbox.command, 0, __ATOMIC_RELEASE);
	return vector;
}
