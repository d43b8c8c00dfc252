# SPDX-License-Identifier: GPL-2.0-or-later
# server/fleet: what several hosts do at once, and which say nothing
server_libdsserver_a_SOURCES += server/fleet/fleet.c server/fleet/fleet.h server/fleet/silence.c server/fleet/silence.h \
	server/fleet/decoys.c server/fleet/decoys.h server/fleet/logins.c server/fleet/logins.h server/fleet/raise.c server/fleet/raise.h server/fleet/copies.c server/fleet/influence.c server/fleet/influence.h \
	server/fleet/allow.c server/fleet/allow.h server/fleet/waves.c server/fleet/waves.h \
	server/fleet/regroup.c server/fleet/regroup.h server/fleet/reviews.c server/fleet/rulebook.c server/fleet/rulebook.h
EXTRA_DIST += server/fleet/.may_include
