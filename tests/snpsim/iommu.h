/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An IOMMU that does nothing but satisfy its driver: PCI function, registers,
 * command buffer.  No address translation and no RMP check of DMA takes place.
 */
#ifndef SNPSIM_IOMMU_H
#define SNPSIM_IOMMU_H

#include "types.h"

#define IOMMU_DEVFN	(0x1d << 3)

/** iommu_init() - trap the registers; with the lock held */
void iommu_init(void);

/**
 * iommu_fill_ivrs() - write what follows the header of an IVRS table
 * @p: where; at most 200 bytes
 * @devfn: the one device that the table lists
 *
 * Return: number of bytes.
 */
u32 iommu_fill_ivrs(u8 *p, u16 devfn);

/**
 * iommu_buffer() - memory that the IOMMU writes to: logs, completion stores
 * @i: number of the buffer, from 0
 * @pa: where it begins
 * @size: bytes, whole pages; 0 if the driver does not use this one
 *
 * Return: false if there is no such buffer.
 */
bool iommu_buffer(unsigned int i, u64 *pa, u64 *size);

u32 iommu_config_read(u32 reg);
void iommu_config_write(u32 reg, u32 val);

/** iommu_mmio_offset() - is @pa a register?  Sets @offset. */
bool iommu_mmio_offset(u64 pa, u32 *offset);
u64 iommu_mmio_read(u32 offset);
void iommu_mmio_write(u32 offset, u64 val, unsigned int size);

#endif /* SNPSIM_IOMMU_H */
