/* SPDX-License-Identifier: GPL-2.0-or-later */
/* label - the labels of a host, words separated by commas. */
#ifndef LIB_LABEL_H
#define LIB_LABEL_H

#include <stdbool.h>

/* A host with it is a decoy as a whole: what happens there is an attack, and teaches nobody what is
 * normal. */
#define DS_LABEL_HONEYPOT "honeypot"

/* Whether `want` is one of the labels; NULL labels: none. */
bool ds_label_has(const char *labels, const char *want);

#endif
