# agent/uplink: sources, tests and what is installed
EXTRA_DIST += agent/uplink/.may_include

# The network half: dials, enrols, keeps the session.  Link before $(DS_NET_LIBS).
noinst_LIBRARIES += agent/uplink/libdslink.a
agent_uplink_libdslink_a_SOURCES = agent/uplink/backoff.c agent/uplink/backoff.h agent/uplink/dial.c agent/uplink/dial.h \
	agent/uplink/enrol.c agent/uplink/enrol.h agent/uplink/facts.c agent/uplink/facts.h \
	agent/uplink/identity.c agent/uplink/identity.h agent/uplink/link.c agent/uplink/link.h \
	agent/uplink/link_impl.h agent/uplink/link_session.c agent/uplink/resolve.c agent/uplink/resolve.h \
	agent/uplink/window.c agent/uplink/window.h
agent_uplink_libdslink_a_CFLAGS = $(AM_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
