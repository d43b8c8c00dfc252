/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compiler - the attributes and small macros used everywhere. */
#ifndef LIB_COMPILER_H
#define LIB_COMPILER_H

#define DS_MUST_CHECK     __attribute__((warn_unused_result))
#define DS_PRINTF(fmt, a) __attribute__((format(printf, fmt, a)))
#define DS_LEN(array)     (sizeof(array) / sizeof((array)[0]))
#define DS_MIN(a, b)      ((a) < (b) ? (a) : (b))
#define DS_MAX(a, b)      ((a) > (b) ? (a) : (b))
/* An object on the hot path that is filled before it is read: the build zeroes every other one,
 * which costs more than what is done with these. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define DS_UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef DS_UNINITIALIZED
#define DS_UNINITIALIZED
#endif
/* The object that contains a member. */
#define DS_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
