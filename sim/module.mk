# SPDX-License-Identifier: GPL-2.0-or-later
# sim: the fleet simulator
bin_PROGRAMS += sim/daemonsec-sim
sim_daemonsec_sim_SOURCES = sim/main.c sim/agent.c sim/attack.c sim/attack.h sim/feed.h sim/feed_live.c sim/feed_max.c \
	sim/feed_replay.c sim/fleet.c sim/fleet.h sim/manifest.c sim/manifest.h sim/outbox.c sim/outbox.h \
	sim/recording.c sim/recording.h sim/report.c sim/report.h sim/stream.c sim/stream.h sim/tally.c sim/tally.h \
	sim/verify.c sim/verify.h
sim_daemonsec_sim_CFLAGS = $(AM_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
sim_daemonsec_sim_LDADD = server/libdsserver.a $(DS_NET_LIBS) $(DS_BATCH_LIBS) lib/libds.a $(SQLITE_LIBS) -lm
EXTRA_DIST += sim/.may_include
