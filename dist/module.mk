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
CLEANFILES += $(nodist_systemdunit_DATA)
EXTRA_DIST += dist/daemonsec-agent.service.in dist/daemonsec-server.service.in dist/daemonsec.conf dist/server.conf

dist/daemonsec-agent.service: dist/daemonsec-agent.service.in
dist/daemonsec-server.service: dist/daemonsec-server.service.in
dist/daemonsec-agent.service dist/daemonsec-server.service:
	$(AM_V_GEN)$(MKDIR_P) dist && $(SED) 's#@sbindir@#$(sbindir)#' $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
