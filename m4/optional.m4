dnl SPDX-License-Identifier: GPL-2.0-or-later
dnl DS_OPTIONAL(NAME, HELP, PREFIX, MODULE, IF-FOUND, [OTHERWISE]) - what is used when it is there: --without-NAME leaves
dnl it out, --with-NAME makes it an error that it is missing. Its flags are in PREFIX_CFLAGS and PREFIX_LIBS.
AC_DEFUN([DS_OPTIONAL], [
	AC_ARG_WITH([$1], [AS_HELP_STRING([--without-$1], [$2])], [], [with_$1=auto])
	AS_IF([test "x$with_$1" = xno], [m4_default([$6], [:])], [
		PKG_CHECK_MODULES([$3], [$4], [$5], [
			AS_IF([test "x$with_$1" = xyes], [AC_MSG_ERROR([$1 was asked for and not found])])
			m4_default([$6], [:])])])])
