# agent/guard: sources, tests and what is installed
EXTRA_DIST += agent/guard/.may_include

# What a daemon is on this host: linked into the guard and its tests; no BPF in here.
noinst_LIBRARIES += agent/guard/libattrib.a
agent_guard_libattrib_a_SOURCES = agent/guard/daemon.h agent/guard/daemon.c agent/guard/daemon_find.c \
	agent/guard/daemon_table.h agent/guard/cgroup.c agent/guard/cgroup.h agent/guard/program.c agent/guard/program.h \
	agent/guard/process.c agent/guard/process.h agent/guard/container.c agent/guard/container.h \
	agent/guard/identity.c agent/guard/identity.h agent/guard/hash.c agent/guard/hash.h \
	agent/guard/package.c agent/guard/package.h agent/guard/package_part.h agent/guard/package_dpkg.c \
	agent/guard/package_rpm.c agent/guard/resource.c agent/guard/resource.h agent/guard/resource_read.c \
	agent/guard/resource_read.h agent/guard/sensors/fold.c agent/guard/sensors/fold.h agent/guard/sensors/mask.c agent/guard/sensors/mask.h \
	agent/guard/sensors/fallback.h agent/guard/sensors/exec_track.c agent/guard/sensors/exec_track.h \
	agent/guard/sensors/exec_netlink.c agent/guard/sensors/exec_scan.c agent/guard/sensors/file_fanotify.c \
	agent/guard/sensors/file_mounts.c agent/guard/sensors/file_mounts.h agent/guard/sensors/net_diag.c \
	agent/guard/sensors/net_owner.c agent/guard/sensors/net_owner.h
agent_guard_libattrib_a_CFLAGS = $(AM_CFLAGS) $(NETTLE_CFLAGS)
ATTRIB_LIBS = agent/guard/libattrib.a lib/libds.a $(NETTLE_LIBS)

# Attribution and the fallback sensors on their own, for tests/system.
check_PROGRAMS += tests/system/attrib_probe
tests_system_attrib_probe_SOURCES = tests/system/attrib_probe.c
tests_system_attrib_probe_LDADD = $(ATTRIB_LIBS)
