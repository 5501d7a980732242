/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_PAGEMAP_H
#define UNIT_LINUX_PAGEMAP_H

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/types.h>

struct address_space;
struct folio;
struct page;

struct folio *filemap_get_folio(struct address_space *mapping, pgoff_t index);
struct page *folio_file_page(struct folio *folio, pgoff_t index);
void folio_put(struct folio *folio);

#endif
