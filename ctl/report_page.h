/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_page - writes what is known of a daemon as a page of HTML that stands alone. */
#ifndef CTL_REPORT_PAGE_H
#define CTL_REPORT_PAGE_H

#include <jansson.h>
#include <stdio.h>

/* The documents of daemons/{id}/profile and events/histogram; arrays of alerts and reactions, of
 * which those of the daemon are shown. All are borrowed. */
void report_page(FILE *out, const json_t *profile, const json_t *alerts, const json_t *hours,
    const json_t *reactions);
/* Text of anybody's as HTML: markup is escaped, and what cannot be seen or turns the direction of
 * what follows is shown as \uXXXX. */
void report_text(FILE *out, const char *text);

#endif
