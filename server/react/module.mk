# SPDX-License-Identifier: GPL-2.0-or-later
# server/react: what is done about findings
server_libdsserver_a_SOURCES += server/react/args.c server/react/away.c server/react/breaker.c server/react/here.c server/react/plugin.c server/react/plugin.h server/react/breaker.h server/react/hosts.c server/react/hosts.h server/react/outbox.c server/react/react.c server/react/react.h server/react/rebind.c server/react/rest.c \
	server/react/react_impl.h server/react/respond.c server/react/held.c server/react/held.h server/react/issue.c server/react/issue.h server/react/kinds.c server/react/kinds.h \
	server/react/modes.c server/react/modes.h server/react/outcome.c server/react/own.c server/react/own.h server/react/prevent.c server/react/policy.c server/react/policy.h server/react/record.c server/react/record.h server/react/rules.c server/react/spare.c server/react/spared.c server/react/spared.h server/react/write.c
EXTRA_DIST += server/react/.may_include
