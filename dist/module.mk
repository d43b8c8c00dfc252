# SPDX-License-Identifier: GPL-2.0-or-later
# dist: what a system wants beside the programs: units, accounts, directories; and the files that packages put into /etc
systemdunitdir = $(DS_UNITDIR)
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
nodist_systemdunit_DATA =
dist_sysusers_DATA =
dist_tmpfiles_DATA =
if AGENT
nodist_systemdunit_DATA += dist/daemonsec-agent.service
dist_sysusers_DATA += dist/sysusers/daemonsec-agent.conf
dist_tmpfiles_DATA += dist/tmpfiles/daemonsec-agent.conf
endif
if SERVER
nodist_systemdunit_DATA += dist/daemonsec-server.service
dist_sysusers_DATA += dist/sysusers/daemonsec-server.conf
dist_tmpfiles_DATA += dist/tmpfiles/daemonsec-server.conf
endif
if AGENT
if SERVER
nodist_systemdunit_DATA += dist/daemonsec-enrol-local.service
nodist_pkglibexec_SCRIPTS = dist/enrol-local
endif
endif
CLEANFILES += $(nodist_systemdunit_DATA) $(nodist_pkglibexec_SCRIPTS)
EXTRA_DIST += dist/daemonsec-agent.service.in dist/daemonsec-server.service.in dist/daemonsec.conf dist/server.conf \
	dist/daemonsec-enrol-local.service.in dist/enrol-local.in dist/daemonsec.spec
EXTRA_DIST += dist/containers/Dockerfile dist/containers/compose.yaml dist/containers/prometheus.yml \
	dist/containers/server.conf dist/containers/datasource.yml

dist_made = dist/daemonsec-agent.service dist/daemonsec-server.service dist/daemonsec-enrol-local.service dist/enrol-local
dist/daemonsec-agent.service: dist/daemonsec-agent.service.in
dist/daemonsec-server.service: dist/daemonsec-server.service.in
dist/daemonsec-enrol-local.service: dist/daemonsec-enrol-local.service.in
dist/enrol-local: dist/enrol-local.in
# config.status writes its own values over a name between two signs, here as well. Looked at each time: one build is
# installed into several places (scripts/up), each of which has its own.
dist-places:
.PHONY: dist-places
$(dist_made): Makefile dist-places
	$(AM_V_at)$(MKDIR_P) dist && new=$@.$$$$.tmp && $(SED) -e 's#[@]bindir[@]#$(bindir)#g' -e 's#[@]sbindir[@]#$(sbindir)#g' \
		-e 's#[@]pkglibexecdir[@]#$(pkglibexecdir)#g' -e 's#[@]sysconfdir[@]#$(sysconfdir)#g' \
		-e 's#[@]localstatedir[@]#$(localstatedir)#g' -e 's#[@]runstatedir[@]#$(runstatedir)#g' $(srcdir)/$@.in >$$new && \
		if cmp -s $$new $@; then rm -f $$new; else mv $$new $@; fi

# Packages: dpkg-buildpackage and rpmbuild take the released tarball as it is.
EXTRA_DIST += debian/changelog debian/control debian/copyright debian/rules debian/source/format debian/daemonsec.install debian/daemonsec.lintian-overrides debian/daemonsec-agent.lintian-overrides \
	debian/daemonsec-ctl.lintian-overrides debian/daemonsec-server.lintian-overrides \
	debian/daemonsec-agent.dirs debian/daemonsec-agent.install debian/daemonsec-agent.postrm debian/daemonsec-agent.prerm \
	debian/daemonsec.docs debian/daemonsec-agent.docs debian/daemonsec-server.docs debian/daemonsec-server.examples \
	debian/daemonsec-ctl.install debian/daemonsec-server.dirs debian/daemonsec-server.install debian/daemonsec-server.postrm

# Roll-out: an Ansible collection and a Salt formula.
EXTRA_DIST += salt/README.md salt/pillar.example salt/daemonsec/agent.sls salt/daemonsec/files/conf.jinja salt/daemonsec/init.sls \
	salt/daemonsec/map.jinja salt/daemonsec/orch/agents.sls salt/daemonsec/orch/remove.sls salt/daemonsec/server.sls
EXTRA_DIST += ansible/.ansible-lint ansible/CHANGELOG.md ansible/README.md ansible/galaxy.yml ansible/meta/runtime.yml \
	ansible/playbooks/ring.yml ansible/playbooks/site.yml ansible/playbooks/uninstall.yml \
	ansible/roles/agent/defaults/main.yml ansible/roles/agent/handlers/main.yml ansible/roles/agent/meta/argument_specs.yml \
	ansible/roles/agent/meta/main.yml ansible/roles/agent/tasks/absent.yml ansible/roles/agent/tasks/host.yml \
	ansible/roles/agent/tasks/main.yml ansible/roles/agent/tasks/present.yml ansible/roles/agent/tasks/run.yml \
	ansible/roles/agent/templates/50-ansible.conf.j2 ansible/roles/agent/vars/main.yml \
	ansible/roles/server/defaults/main.yml ansible/roles/server/handlers/main.yml ansible/roles/server/meta/argument_specs.yml \
	ansible/roles/server/meta/main.yml ansible/roles/server/tasks/absent.yml ansible/roles/server/tasks/main.yml \
	ansible/roles/server/tasks/present.yml ansible/roles/server/templates/50-ansible.conf.j2

# For the tools that people have: rules for Prometheus with their tests, a dashboard for Grafana.
prometheusdir = $(pkgdatadir)/prometheus
grafanadir = $(pkgdatadir)/grafana
dist_prometheus_DATA = dist/prometheus/daemonsec.rules.yml dist/prometheus/daemonsec.rules.test.yml
# What newer daemons write, for filters of fail2ban that are older: see daemonsec-ctl import fail2ban.
filterdir = $(pkgdatadir)/filter.d
dist_filter_DATA = dist/filter.d/cowrie.conf dist/filter.d/dovecot.local dist/filter.d/dropbear.local dist/filter.d/exim.local \
	dist/filter.d/freeswitch.local dist/filter.d/named-refused.local dist/filter.d/nginx-botsearch.local \
	dist/filter.d/nginx-forbidden.conf dist/filter.d/nginx-http-auth.local dist/filter.d/nginx-limit-req.local \
	dist/filter.d/proxmox.conf dist/filter.d/routeros-auth.conf dist/filter.d/sshd.local dist/filter.d/vaultwarden.conf \
	dist/filter.d/selinux-ssh.local dist/filter.d/sendmail-reject.local dist/filter.d/vsftpd.local
dist_grafana_DATA = dist/grafana/daemonsec.json dist/grafana/provisioning.yml
