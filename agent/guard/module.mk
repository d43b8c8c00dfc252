# SPDX-License-Identifier: GPL-2.0-or-later
# agent/guard: sources, tests and what is installed
EXTRA_DIST += agent/.may_include agent/guard/.may_include

# nettle: the guard's half of sign.h
noinst_LIBRARIES += lib/libdsverify.a
lib_libdsverify_a_SOURCES = lib/verify.c lib/sign.h
lib_libdsverify_a_CFLAGS = $(AM_CFLAGS) $(HOGWEED_CFLAGS) $(NETTLE_CFLAGS)
DS_VERIFY_LIBS = lib/libdsverify.a $(HOGWEED_LIBS) $(NETTLE_LIBS)

# What a daemon is on this host: linked into the guard and its tests; no BPF in here.
noinst_LIBRARIES += agent/guard/libattrib.a
agent_guard_libattrib_a_SOURCES = agent/guard/daemon.h agent/guard/daemon.c agent/guard/daemon_find.c \
	agent/guard/daemon_table.h agent/guard/cgroup.c agent/guard/cgroup.h agent/guard/program.c agent/guard/program.h \
	agent/guard/process.c agent/guard/process.h agent/guard/container.c agent/guard/container.h \
	agent/guard/container_json.c agent/guard/container_json.h agent/guard/container_file.c agent/guard/container_file.h \
	agent/guard/containerd.c agent/guard/containerd.h agent/guard/bolt.c agent/guard/bolt.h agent/guard/engine.c agent/guard/engine.h \
	agent/guard/user.c agent/guard/user.h \
	agent/guard/identity.c agent/guard/identity.h agent/guard/hash.c agent/guard/hash.h \
	agent/guard/package.c agent/guard/package.h agent/guard/package_part.h agent/guard/package_dpkg.c \
	agent/guard/package_rpm.c agent/guard/resource.c agent/guard/resource.h agent/guard/resource_read.c \
	agent/guard/resource_read.h agent/guard/sensors/fold.c agent/guard/sensors/fold.h agent/guard/redact.c agent/guard/redact.h \
	agent/guard/listeners.c agent/guard/listeners.h \
	agent/guard/notice.c agent/guard/notice.h agent/guard/file_state.c agent/guard/file_state.h \
	agent/guard/package_file.c agent/guard/package_file.h agent/guard/package_digest.c agent/guard/package_digest.h agent/guard/package_owner.c agent/guard/package_owner.h \
	agent/guard/integrity.c agent/guard/integrity.h agent/guard/integrity_table.c agent/guard/integrity_table.h \
	agent/guard/integrity_find.c agent/guard/integrity_find.h agent/guard/integrity_scan.c agent/guard/integrity_scan.h \
	agent/guard/integrity_judge.c agent/guard/integrity_judge.h \
	agent/guard/integrity_owner.c agent/guard/integrity_owner.h agent/guard/integrity_query.c \
	agent/guard/integrity_keep.c agent/guard/integrity_keep.h agent/guard/vault.c agent/guard/vault.h \
	agent/guard/vault_meta.c agent/guard/vault_meta.h agent/guard/vault_store.c agent/guard/vault_store.h \
	agent/guard/replace.c agent/guard/replace.h \
	agent/guard/sensors/fallback.h agent/guard/sensors/exec_track.c agent/guard/sensors/exec_track.h \
	agent/guard/sensors/exec_netlink.c agent/guard/sensors/exec_scan.c agent/guard/sensors/file_fanotify.c \
	agent/guard/sensors/file_mounts.c agent/guard/sensors/file_mounts.h agent/guard/sensors/net_diag.c \
	agent/guard/sensors/net_owner.c agent/guard/sensors/net_owner.h
agent_guard_libattrib_a_CFLAGS = $(AM_CFLAGS) $(NETTLE_CFLAGS)
ATTRIB_LIBS = agent/guard/libattrib.a lib/libds.a $(NETTLE_LIBS)

# Attribution and the fallback sensors on their own, for tests/system.
system_helpers += tests/system/attrib_probe
tests_system_attrib_probe_SOURCES = tests/system/attrib_probe.c
tests_system_attrib_probe_LDADD = $(ATTRIB_LIBS)

# The guard itself.
sbin_PROGRAMS += agent/daemonsec-agent
agent_daemonsec_agent_SOURCES = agent/guard/main.c agent/guard/sensor.c agent/guard/sensors/sensors.h \
	agent/guard/sensors/exec.c agent/guard/sensors/file.c agent/guard/sensors/net.c agent/guard/sensors/cred.c \
	agent/guard/sensors/module.c
agent_daemonsec_agent_CFLAGS = $(AM_CFLAGS) $(BPF_CFLAGS)
agent_daemonsec_agent_LDADD = agent/guard/libguard.a $(GUARD_LIBS)
GUARD_LIBS = $(ATTRIB_LIBS) $(BPF_LIBS) $(DS_VERIFY_LIBS) $(NFT_LIBS)

# What orders can do here, a file each, and what some of them share.
guard_reactions = agent/guard/reactions/reactions.h agent/guard/reactions/kill.c agent/guard/reactions/freeze.c \
	agent/guard/reactions/tree.c agent/guard/reactions/tree.h agent/guard/reactions/freezer.c \
	agent/guard/reactions/freezer.h agent/guard/reactions/block_ip.c agent/guard/reactions/cut.c \
	agent/guard/reactions/blocks.c agent/guard/reactions/blocks.h agent/guard/reactions/group.c \
	agent/guard/reactions/group.h agent/guard/reactions/reach.c agent/guard/reactions/reach.h agent/guard/reactions/never.c agent/guard/reactions/spared.c agent/guard/reactions/spared.h \
	agent/guard/reactions/never.h agent/guard/reactions/network.c agent/guard/reactions/network.h \
	agent/guard/reactions/sockets.c agent/guard/reactions/sockets.h \
	agent/guard/reactions/inside.c agent/guard/reactions/inside.h agent/guard/reactions/nft.c \
	agent/guard/reactions/nft.h agent/guard/reactions/nft_part.h agent/guard/reactions/nft_element.c agent/guard/reactions/nft_rules.c agent/guard/reactions/nft_isolate.c agent/guard/reactions/apart.c agent/guard/reactions/apart.h agent/guard/reactions/hold_daemon.c \
	agent/guard/reactions/confirm.c agent/guard/reactions/confirm.h agent/guard/reactions/allow.c \
	agent/guard/reactions/allow.h agent/guard/reactions/block_port.c agent/guard/reactions/isolate.c

# Files put back, daemons started anew.
guard_services = agent/guard/reactions/restore_file.c agent/guard/reactions/restart.c agent/guard/reactions/plugin.c agent/guard/integrity_start.c \
	agent/guard/watched.c agent/guard/watched.h agent/guard/engine_restart.c agent/guard/engine_restart.h agent/guard/service.c agent/guard/service.h agent/guard/service_probe.c agent/guard/service_kept.c

# Mode prevent.
guard_hold = agent/guard/hold.c agent/guard/hold.h agent/guard/hold_part.h agent/guard/hold_which.c agent/guard/hold_profile.c agent/guard/hold_profile.h agent/guard/hold_ask.c \
	agent/guard/hold_args.c agent/guard/hold_args.h agent/guard/hold_known.c agent/guard/hold_known.h \
	agent/guard/hold_watch.c agent/guard/hold_watch.h agent/guard/hold_perm.c agent/guard/hold_perm.h \
	agent/guard/hold_perm_part.h agent/guard/hold_perm_child.c agent/guard/hold_net.c agent/guard/probe_hold.c agent/guard/probe_escape.c \
	agent/guard/probe_net.c

# Everything of it that tests link, too.
noinst_LIBRARIES += agent/guard/libguard.a
agent_guard_libguard_a_SOURCES = agent/config.c agent/config.h agent/guard/guard.c agent/guard/guard.h agent/guard/release.c \
	agent/guard/guard_report.c agent/guard/guard_report.h agent/guard/modules.c agent/guard/modules.h \
	agent/guard/emit.c agent/guard/emit.h agent/guard/supervise.c agent/guard/supervise.h \
	agent/guard/attribute.c agent/guard/attribute.h agent/guard/repeat.c agent/guard/repeat.h agent/guard/crowd.c agent/guard/crowd.h \
	agent/guard/cgroup_path.c agent/guard/cgroup_path.h agent/guard/decide.c agent/guard/decide.h \
	agent/guard/program_table.c agent/guard/program_table.h agent/guard/path.c agent/guard/path.h \
	agent/guard/heartbeat.c agent/guard/heartbeat.h \
	agent/guard/order.c agent/guard/order.h agent/guard/order_do.c agent/guard/order_job.h agent/guard/order_check.c agent/guard/order_kind.c agent/guard/rebind.c agent/guard/rebind.h agent/guard/order_settle.c \
	agent/guard/order_life.c agent/guard/order_recover.c agent/guard/order_tell.c agent/guard/binding.c agent/guard/binding.h \
	agent/guard/ledger.c agent/guard/ledger.h agent/guard/ledger_file.c agent/guard/ledger_file.h \
	agent/guard/reaction.c agent/guard/reaction.h agent/guard/target.c agent/guard/target.h \
	agent/guard/evidence.c agent/guard/evidence.h $(guard_reactions) $(guard_services) \
	agent/guard/evidence.c agent/guard/evidence.h $(guard_reactions) $(guard_hold) \
	agent/guard/integrity_start.c agent/guard/sensor.h agent/guard/sensors/sample.h \
	agent/guard/probe.c agent/guard/probe.h agent/guard/probe_maps.c agent/guard/probe_object.h \
	agent/guard/probe_point.c agent/guard/probe_point.h agent/guard/secret_file.c agent/guard/secret_file.h
nodist_agent_guard_libguard_a_SOURCES = agent/guard/sensors/sensors.skel.h agent/guard/sensors/escape.skel.h
agent_guard_libguard_a_CFLAGS = $(AM_CFLAGS) $(BPF_CFLAGS) $(NETTLE_CFLAGS) $(HOGWEED_CFLAGS) $(NFT_CFLAGS)

# The kernel side: one object of all sensors, so that they share their maps.
bpf_headers = agent/guard/sensors/kernel.bpf.h agent/guard/sensors/maps.bpf.h agent/guard/sensors/send.bpf.h agent/guard/sensors/common.bpf.h agent/guard/sensors/text.bpf.h
bpf_objects = agent/guard/sensors/exec.bpf.o agent/guard/sensors/file.bpf.o agent/guard/sensors/net.bpf.o \
	agent/guard/sensors/cred.bpf.o agent/guard/sensors/module.bpf.o agent/guard/sensors/hold.bpf.o
EXTRA_DIST += $(bpf_headers) agent/guard/sensors/exec.bpf.c agent/guard/sensors/file.bpf.c agent/guard/sensors/net.bpf.c \
	agent/guard/sensors/cred.bpf.c agent/guard/sensors/module.bpf.c agent/guard/sensors/hold.bpf.c agent/guard/sensors/escape.bpf.c
BUILT_SOURCES += agent/guard/sensors/sensors.skel.h agent/guard/sensors/escape.skel.h
CLEANFILES += agent/guard/sensors/*.skel.h agent/guard/sensors/*.bpf.o agent/guard/sensors/sensors.linked
SUFFIXES = .bpf.c .bpf.o

.bpf.c.bpf.o:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(CLANG) -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -g -O2 -Wall -Werror \
		-fdebug-compilation-dir=. -ffile-prefix-map=$(top_srcdir)/= -ffile-prefix-map=$(abs_top_srcdir)/= \
		$(BPF_CPPFLAGS) -I$(top_srcdir) $(BPF_CFLAGS) -c $< -o $@
$(bpf_objects) agent/guard/sensors/escape.bpf.o: $(bpf_headers) agent/guard/sensors/sample.h schema/events.def
agent/guard/sensors/sensors.skel.h: $(bpf_objects)
	$(AM_V_GEN)$(BPFTOOL) gen object agent/guard/sensors/sensors.linked $(bpf_objects) && \
		{ echo '#pragma GCC system_header'; \
		$(BPFTOOL) gen skeleton agent/guard/sensors/sensors.linked name sensors_bpf; } > $@.tmp && mv $@.tmp $@
agent/guard/sensors/escape.skel.h: agent/guard/sensors/escape.bpf.o
	$(AM_V_GEN){ echo '#pragma GCC system_header'; \
		$(BPFTOOL) gen skeleton agent/guard/sensors/escape.bpf.o name escape_bpf; } > $@.tmp && mv $@.tmp $@
