/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree - files below a directory that a test made. */
#ifndef TESTS_UNIT_TREE_H
#define TESTS_UNIT_TREE_H

/* With the directories above it; path begins with '/' and is below root. Asserts. */
void tree_make_file(const char *root, const char *path, const char *text);
/* And all that is in it; 0, or not. */
int tree_remove(const char *root);

#endif
