# server/fleet: what several hosts do at once, and which say nothing
server_libdsserver_a_SOURCES += server/fleet/fleet.c server/fleet/fleet.h server/fleet/silence.c server/fleet/silence.h
EXTRA_DIST += server/fleet/.may_include
