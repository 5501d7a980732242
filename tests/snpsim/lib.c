// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory functions and the log.  The log goes to QEMU's debug console.
 */
#include "lib.h"

#define PORT_DEBUGCON	0xe9
#define PORT_DEBUG_EXIT	0xf4		/* QEMU's isa-debug-exit, if there is one */

/*
 * Unrolled loops: TCG executes REP MOVS and REP STOS one element at a time, at
 * several times the cost.
 */
void *memcpy(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	for (; n >= 32; n -= 32, d += 32, s += 32) {
		u64 w0 = ((const u64 *)s)[0], w1 = ((const u64 *)s)[1];
		u64 w2 = ((const u64 *)s)[2], w3 = ((const u64 *)s)[3];

		((u64 *)d)[0] = w0;
		((u64 *)d)[1] = w1;
		((u64 *)d)[2] = w2;
		((u64 *)d)[3] = w3;
	}
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u64 pattern = (u8)c * 0x0101010101010101ul;
	u8 *d = dst;

	for (; n >= 32; n -= 32, d += 32) {
		((u64 *)d)[0] = pattern;
		((u64 *)d)[1] = pattern;
		((u64 *)d)[2] = pattern;
		((u64 *)d)[3] = pattern;
	}
	while (n--)
		*d++ = c;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

static u32 log_lock;

static void put(char c)
{
	outb(PORT_DEBUGCON, c);
}

static void put_string(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_number(u64 val, unsigned int base)
{
	char buf[20];
	int i = 0;

	do {
		buf[i++] = "0123456789abcdef"[val % base];
		val /= base;
	} while (val);
	while (i)
		put(buf[--i]);
}

static void vlog(const char *fmt, va_list ap)
{
	while (__atomic_exchange_n(&log_lock, 1, __ATOMIC_ACQUIRE))
		cpu_relax();
	put_string("snpsim: ");
	for (; *fmt; fmt++) {
		bool is_long = false;
		u64 val;

		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		if (*++fmt == 'l') {
			is_long = true;
			fmt++;
		}
		switch (*fmt) {
		case 's':
			put_string(va_arg(ap, const char *));
			break;
		case 'd':
			val = is_long ? va_arg(ap, u64) : (u64)va_arg(ap, int);
			if ((s64)val < 0) {
				put('-');
				val = -val;
			}
			put_number(val, 10);
			break;
		case 'u':
		case 'x':
			val = is_long ? va_arg(ap, u64) : va_arg(ap, u32);
			put_number(val, *fmt == 'x' ? 16 : 10);
			break;
		default:
			put(*fmt);
		}
	}
	put('\n');
	__atomic_store_n(&log_lock, 0, __ATOMIC_RELEASE);
}

void log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(fmt, ap);
	va_end(ap);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(fmt, ap);
	va_end(ap);
	/* Exit status 3 of QEMU (2 * value + 1): not one that it uses itself. */
	outb(PORT_DEBUG_EXIT, 1);
	for (;;)
		asm volatile("cli; hlt");
}
