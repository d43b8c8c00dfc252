# ctl: sources, tests and what is installed
bin_PROGRAMS += ctl/daemonsec-ctl
ctl_daemonsec_ctl_SOURCES = ctl/main.c ctl/ctl.h ctl/verbs.c ctl/client.c ctl/client.h ctl/print.c ctl/print.h \
	ctl/reactions.c ctl/lists.c ctl/lists.h ctl/users.c ctl/alerts.c ctl/events.c ctl/config_files.c ctl/config_files.h ctl/doctor.c ctl/report.c ctl/report_page.c ctl/report_page.h \
	agent/config.c agent/config.h server/config.c server/config.h server/react/kinds.c server/react/rules.c
ctl_daemonsec_ctl_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(SSL_CFLAGS)
ctl_daemonsec_ctl_LDADD = lib/libds.a $(CURL_LIBS) $(JANSSON_LIBS) $(SSL_LIBS) -lm
EXTRA_DIST += ctl/.may_include

# The program itself knows its verbs.
bashcompletiondir = $(datadir)/bash-completion/completions
nodist_bashcompletion_DATA = ctl/completion/daemonsec-ctl
CLEANFILES += ctl/completion/daemonsec-ctl
ctl/completion/daemonsec-ctl: ctl/daemonsec-ctl
	$(AM_V_GEN)$(MKDIR_P) ctl/completion && ctl/daemonsec-ctl completion bash >$@.tmp && mv $@.tmp $@
