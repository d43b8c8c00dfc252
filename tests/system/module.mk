# SPDX-License-Identifier: GPL-2.0-or-later
# System tests: shell and TAP, real processes in namespaces of their own; they skip cleanly without root.
system_tests =
# Those that also run in the sanitizer builds.
sanitized_system_tests =
# Those of them that are about programs with threads, which the guard is not: for the sanitizer that looks at these.
threaded_system_tests = tests/system/access.py tests/system/agent_crash.py tests/system/api.py tests/system/logins.py \
	tests/system/models.py tests/system/server_crash.py tests/system/tls.py
# Those of all that have the machine for themselves: they measure how long something takes, or take all of it.
alone_system_tests = tests/system/first_alert.py tests/system/agent_flood.py
# Those that take longest, which begin first.
long_system_tests = tests/web/dashboard.py tests/system/agent_crash.py tests/system/react.py tests/system/novelty.py tests/system/notify.py \
	tests/system/live/live.py tests/system/api.py tests/system/tls.py tests/system/sim.py tests/system/agent_clock.py \
	tests/system/server_crash.py tests/system/sensors.py tests/system/silent.py

EXTRA_DIST += tests/system/harness.py tests/system/cri.py tests/system/forms.py tests/system/person.py tests/system/probe.py tests/system/sdhost.py
system_tests += tests/system/daemons.py tests/system/fallbacks.py tests/system/systemd_host.py
sanitized_system_tests += tests/system/daemons.py

EXTRA_DIST += tests/system/peer.py
system_tests += tests/system/authority.py
system_tests += tests/system/tls.py
sanitized_system_tests += tests/system/tls.py

system_tests += tests/system/server_crash.py
sanitized_system_tests += tests/system/server_crash.py

system_tests += tests/system/first_alert.py tests/system/novelty.py tests/system/login_alerts.py tests/system/silent.py

EXTRA_DIST += tests/system/rules_sigma.yml
EXTRA_DIST += tests/system/api.py tests/system/api_http.py tests/system/contract.py tests/system/ctl.py
system_tests += tests/system/api.py tests/system/api_http.py tests/system/ctl.py
sanitized_system_tests += tests/system/api.py

system_tests += tests/system/models.py tests/system/learn.py tests/system/fleet.py
sanitized_system_tests += tests/system/models.py

system_tests += tests/system/sim.py tests/system/copies.py
system_tests += tests/system/react_days.py tests/system/several.py

EXTRA_DIST += tests/system/sshd.py
system_tests += tests/system/react.py

system_tests += tests/system/logins.py tests/system/logins_journal.py
sanitized_system_tests += tests/system/logins.py

system_tests += tests/system/agent_crash.py
sanitized_system_tests += tests/system/agent_crash.py
EXTRA_DIST += tests/system/guard.py tests/system/sink.py
EXTRA_DIST += tests/system/far.py tests/system/outlive.py
system_tests += tests/system/sensors.py tests/system/systemd_guard.py tests/system/reboot.py
sanitized_system_tests += tests/system/sensors.py

system_tests += tests/system/up.sh

EXTRA_DIST += tests/system/sink.py tests/system/up.sh
EXTRA_DIST += tests/system/churn.py
system_tests += tests/system/agent_disk.py
sanitized_system_tests += tests/system/agent_disk.py

system_tests += tests/system/scope.py tests/system/fallback_agent.py tests/system/docker.py tests/system/engines.py
system_tests += tests/system/agent_flood.py
sanitized_system_tests += tests/system/agent_flood.py

system_tests += tests/system/agent_clock.py
sanitized_system_tests += tests/system/agent_clock.py

system_tests += tests/system/access.py
sanitized_system_tests += tests/system/access.py
system_tests += tests/system/integrity.py tests/system/restore.py tests/system/restored.py tests/system/plugins.py
EXTRA_DIST += tests/system/orders.py tests/system/places.py tests/system/clock.py
system_helpers += tests/system/order_sign
tests_system_order_sign_SOURCES = tests/system/order_sign.c
tests_system_order_sign_LDADD = $(DS_NET_LIBS) lib/libds.a
EXTRA_DIST += tests/system/storm.py
system_tests += tests/system/reactions.py tests/system/blocks.py tests/system/hold.py

system_tests += tests/system/notify.py tests/system/siem.py tests/system/prometheus.py
EXTRA_DIST += tests/system/notify_rows.py

EXTRA_DIST += tests/system/live/estate.py tests/system/live/attacks.py tests/system/live/replay.py
system_tests += tests/system/live/live.py

system_tests += tests/system/units.py

system_tests += tests/system/deploys.py tests/system/gate.py

# END OF LIST: add above, to both where it is worth it
EXTRA_DIST += $(system_tests)
check_PROGRAMS += $(system_helpers)
TESTS += $(system_tests)
