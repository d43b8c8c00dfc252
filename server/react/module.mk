# server/react: what is done about findings
server_libdsserver_a_SOURCES += server/react/args.c server/react/breaker.c server/react/breaker.h server/react/kinds.c server/react/kinds.h \
	server/react/modes.c server/react/modes.h server/react/policy.c server/react/policy.h server/react/rules.c
EXTRA_DIST += server/react/.may_include
