# SPDX-License-Identifier: GPL-2.0-or-later
# ctl: sources, tests and what is installed
bin_PROGRAMS += ctl/daemonsec-ctl
ctl_daemonsec_ctl_SOURCES = ctl/main.c ctl/ctl.h ctl/verbs.c ctl/client.c ctl/client.h ctl/print.c ctl/print.h \
	agent/config.c
ctl_daemonsec_ctl_SOURCES += agent/config.h
ctl_daemonsec_ctl_SOURCES += ctl/alerts.c ctl/arguments.c ctl/archive.c ctl/archive.h ctl/backup.c ctl/support_bundle.c
ctl_daemonsec_ctl_SOURCES += server/store/copy.h server/store/sqlite_copy.c
ctl_daemonsec_ctl_SOURCES += ctl/config_files.c
ctl_daemonsec_ctl_SOURCES += ctl/config_files.h ctl/authority.c
ctl_daemonsec_ctl_SOURCES += ctl/doctor.c
ctl_daemonsec_ctl_SOURCES += ctl/events.c
ctl_daemonsec_ctl_SOURCES += ctl/fail2ban.c ctl/fail2ban_conf.c ctl/fail2ban_conf.h ctl/fail2ban_regex.c \
	agent/uplink/logs/filter.c agent/uplink/logs/filter_date.c agent/uplink/logs/filter_match.c agent/uplink/logs/pattern.c
ctl_daemonsec_ctl_SOURCES += ctl/gate.c ctl/gate.h ctl/gate_report.c ctl/gate_run.c ctl/hooks.c
ctl_daemonsec_ctl_SOURCES += ctl/lists.c ctl/learning.c ctl/rules.c ctl/sigma.c ctl/sigma.h ctl/sigma_condition.c
ctl_daemonsec_ctl_SOURCES += ctl/lists.h ctl/status.c
ctl_daemonsec_ctl_SOURCES += ctl/models.c
ctl_daemonsec_ctl_SOURCES += ctl/notify.c ctl/profile_versions.c
ctl_daemonsec_ctl_SOURCES += ctl/reactions.c
ctl_daemonsec_ctl_SOURCES += ctl/report.c
ctl_daemonsec_ctl_SOURCES += ctl/report_page.c
ctl_daemonsec_ctl_SOURCES += ctl/report_page.h
ctl_daemonsec_ctl_SOURCES += ctl/users.c
ctl_daemonsec_ctl_SOURCES += server/config.c
ctl_daemonsec_ctl_SOURCES += server/config.h
ctl_daemonsec_ctl_SOURCES += server/api/hook_check.c server/notify/channel_check.c server/notify/siem_address.c
ctl_daemonsec_ctl_SOURCES += server/react/kinds.c
ctl_daemonsec_ctl_SOURCES += server/react/rules.c
ctl_daemonsec_ctl_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(SSL_CFLAGS) $(SQLITE_CFLAGS) \
	-DDS_SBINDIR='"$(sbindir)"'
ctl_daemonsec_ctl_LDADD = lib/libds.a $(CURL_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(SSL_LIBS) $(SQLITE_LIBS) $(PCRE2_LIBS) -lm
EXTRA_DIST += ctl/.may_include

# The program itself knows its verbs.
bashcompletiondir = $(datadir)/bash-completion/completions
nodist_bashcompletion_DATA = ctl/completion/daemonsec-ctl
CLEANFILES += ctl/completion/daemonsec-ctl
ctl/completion/daemonsec-ctl: ctl/daemonsec-ctl
	$(AM_V_GEN)$(MKDIR_P) ctl/completion && ctl/daemonsec-ctl completion bash >$@.tmp && mv $@.tmp $@
