# SPDX-License-Identifier: GPL-2.0-or-later
# doc: sources, tests and what is installed
EXTRA_DIST += doc/architecture.md doc/benchmarks.md doc/detection.md doc/install.md doc/style.md
EXTRA_DIST += doc/reactions.md doc/enrolment.md doc/containers.md doc/siem.md doc/prometheus.md doc/honeypot.md doc/examples/siem_pull.py doc/deploys.md doc/fail2ban.md \
	doc/examples/post-receive doc/examples/github-actions.yml doc/examples/gitlab-ci.yml
EXTRA_DIST += doc/access.md doc/concepts.md doc/alerts.md doc/tuning.md doc/notify.md doc/threats.md doc/comparison.md doc/runbook.md \
	doc/promises.md
dist_man_MANS += doc/daemonsec-sim.8
EXTRA_DIST += doc/daemonsec.conf.5.in doc/daemonsec-server.conf.5.in
dist_man_MANS += doc/daemonsec-agent.8 doc/daemonsec-server.8 doc/daemonsec-ctl.8

# The option part of the pages comes from the tables that the programs read.
noinst_PROGRAMS += doc/mkoptions
doc_mkoptions_SOURCES = doc/mkoptions.c agent/config.c agent/config.h server/config.c server/config.h server/react/kinds.c server/react/rules.c server/api/hook_check.c server/notify/channel_check.c server/notify/siem_address.c
doc_mkoptions_LDADD = lib/libds.a
nodist_man_MANS = doc/daemonsec.conf.5 doc/daemonsec-server.conf.5
CLEANFILES += $(nodist_man_MANS)
doc/daemonsec.conf.5: $(top_srcdir)/doc/daemonsec.conf.5.in doc/mkoptions
	$(AM_V_GEN)doc/mkoptions agent >$@.options && sed -e '/@OPTIONS@/r $@.options' -e '/@OPTIONS@/d' $(top_srcdir)/doc/daemonsec.conf.5.in >$@.tmp && rm -f $@.options && mv $@.tmp $@
doc/daemonsec-server.conf.5: $(top_srcdir)/doc/daemonsec-server.conf.5.in doc/mkoptions
	$(AM_V_GEN)doc/mkoptions server >$@.options && sed -e '/@OPTIONS@/r $@.options' -e '/@OPTIONS@/d' $(top_srcdir)/doc/daemonsec-server.conf.5.in >$@.tmp && rm -f $@.options && mv $@.tmp $@
