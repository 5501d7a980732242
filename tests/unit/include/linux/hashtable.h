/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_HASHTABLE_H
#define UNIT_LINUX_HASHTABLE_H

#include <linux/array_size.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/rculist.h>

#include <assert.h>

#define DECLARE_HASHTABLE(name, bits)	struct hlist_head name[1 << (bits)]
#define DEFINE_HASHTABLE(name, bits)	DECLARE_HASHTABLE(name, bits)

#define unit_bucket(table, key) \
	(&(table)[hash_64(key, ilog2(ARRAY_SIZE(table)))])

#define hash_add_rcu(table, node, key) \
	hlist_add_head_rcu(node, unit_bucket(table, key))
#define hash_del_rcu(node)		hlist_del_rcu(node)
#define hash_for_each_possible_rcu(table, pos, member, key, condition)	\
	hlist_for_each_entry_rcu(pos, unit_bucket(table, key), member, condition)

#endif
