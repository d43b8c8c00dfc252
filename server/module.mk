# SPDX-License-Identifier: GPL-2.0-or-later
# server: the program; everything but main is in a library, for the tests
noinst_LIBRARIES += server/libdsserver.a
server_libdsserver_a_SOURCES = server/config.c server/config.h server/reacting.c server/reacting.h server/service.c server/service.h
server_libdsserver_a_CFLAGS = $(AM_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS) $(SQLITE_CFLAGS) $(MHD_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS)
SERVER_LIBS = server/libdsserver.a $(DS_NET_LIBS) $(DS_BATCH_LIBS) lib/libds.a $(SQLITE_LIBS) $(MHD_LIBS) $(JANSSON_LIBS) \
	$(CRYPT_LIBS) $(CURL_LIBS) -lpthread -lm

sbin_PROGRAMS += server/daemonsec-server
server_daemonsec_server_SOURCES = server/main.c server/parts.c server/parts.h
server_daemonsec_server_LDADD = $(SERVER_LIBS)

EXTRA_DIST += server/.may_include

# Many small agents for tests of the server.
system_helpers += tests/system/load_agent
tests_system_load_agent_SOURCES = tests/system/load_agent.c
tests_system_load_agent_CFLAGS = $(AM_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS) $(SQLITE_CFLAGS)
tests_system_load_agent_LDADD = server/libdsserver.a $(DS_NET_LIBS) $(DS_BATCH_LIBS) lib/libds.a $(SQLITE_LIBS) -lpthread -lm
