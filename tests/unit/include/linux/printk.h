/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_PRINTK_H
#define UNIT_LINUX_PRINTK_H

/* The test has them, and gets the level in front of the text. */
__attribute__((format(printf, 1, 2)))
int printk(const char *fmt, ...);

#define pr_err(fmt, ...)	printk("3 " pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...)	printk("4 " pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...)	printk("6 " pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn_ratelimited(fmt, ...)	pr_warn(fmt, ##__VA_ARGS__)

#endif
