# SPDX-License-Identifier: GPL-2.0-or-later
# agent/uplink: sources, tests and what is installed
EXTRA_DIST += agent/uplink/.may_include

# The network half: dials, enrols, keeps the session.  Link before $(DS_NET_LIBS).
noinst_LIBRARIES += agent/uplink/libdslink.a
agent_uplink_libdslink_a_SOURCES = agent/uplink/backoff.c agent/uplink/backoff.h agent/uplink/dial.c agent/uplink/dial.h \
	agent/uplink/enrol.c agent/uplink/enrol.h agent/uplink/facts.c agent/uplink/facts.h \
	agent/uplink/identity.c agent/uplink/identity.h agent/uplink/lineage.c agent/uplink/lineage.h agent/uplink/link.c agent/uplink/link.h \
	agent/uplink/link_impl.h agent/uplink/link_session.c agent/uplink/resolve.c agent/uplink/resolve.h \
	agent/uplink/window.c agent/uplink/window.h
agent_uplink_libdslink_a_CFLAGS = $(AM_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)

noinst_LIBRARIES += agent/uplink/libuplink.a
agent_uplink_libuplink_a_SOURCES = agent/uplink/batcher.c agent/uplink/batcher.h agent/uplink/courier.c agent/uplink/courier.h \
	agent/uplink/decoy_talk.c agent/uplink/decoy_talk.h agent/uplink/decoy_ssh.c agent/uplink/decoy_ssh.h \
	agent/uplink/decoy_ssh_crypt.c agent/uplink/decoy_ssh_crypt.h \
	agent/uplink/health.c agent/uplink/health.h agent/uplink/priv.c agent/uplink/priv.h agent/uplink/slim.c agent/uplink/slim.h \
	agent/uplink/spool.c agent/uplink/spool.h agent/uplink/spool_file.c agent/uplink/spool_file.h \
	agent/uplink/spool_impl.h agent/uplink/spool_open.c agent/uplink/spool_read.c $(uplink_logs)
uplink_filter = agent/uplink/logs/filter.c agent/uplink/logs/filter.h agent/uplink/logs/filter_date.c agent/uplink/logs/filter_date.h \
	agent/uplink/logs/filter_impl.h agent/uplink/logs/filter_match.c agent/uplink/logs/pattern.c agent/uplink/logs/pattern.h
uplink_logs = $(uplink_filter) agent/uplink/logs/follow.c agent/uplink/logs/follow.h agent/uplink/logs/journal.c agent/uplink/logs/journal.h \
	agent/uplink/logs/line.c agent/uplink/logs/line.h agent/uplink/logs/login.c agent/uplink/logs/login.h \
	agent/uplink/logs/login_ssh.c agent/uplink/logs/login_text.c agent/uplink/logs/login_text.h \
	agent/uplink/logs/logs.c agent/uplink/logs/logs.h agent/uplink/logs/logs_files.c agent/uplink/logs/logs_impl.h agent/uplink/logs/rotated.c agent/uplink/logs/rotated.h
agent_uplink_libuplink_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(SECCOMP_CFLAGS) $(JOURNAL_CFLAGS)

pkglibexec_PROGRAMS += agent/uplink/daemonsec-uplink
agent_uplink_daemonsec_uplink_SOURCES = agent/uplink/main.c agent/uplink/exporter.c agent/uplink/exporter.h \
	agent/uplink/figures.c agent/uplink/figures.h agent/uplink/decoys.c agent/uplink/decoys.h \
	agent/uplink/serve.c agent/uplink/serve.h agent/config.c agent/config.h
agent_uplink_daemonsec_uplink_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(EVENT_HTTP_CFLAGS)
agent_uplink_daemonsec_uplink_LDADD = agent/uplink/libuplink.a agent/uplink/libdslink.a $(DS_BATCH_LIBS) $(DS_NET_LIBS) \
	lib/libds.a $(SECCOMP_LIBS) $(EVENT_HTTP_LIBS) $(PCRE2_LIBS)

# The login sensor alone, for a test below a systemd.
system_helpers += tests/system/logs_probe
tests_system_logs_probe_SOURCES = tests/system/logs_probe.c
tests_system_logs_probe_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS)
tests_system_logs_probe_LDADD = agent/uplink/libuplink.a lib/libds.a $(EVENT_LIBS) $(SECCOMP_LIBS) $(PCRE2_LIBS)
