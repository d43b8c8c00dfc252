# server: sources, tests and what is installed
noinst_LIBRARIES += server/libdsserver.a
server_libdsserver_a_SOURCES = server/config.c server/config.h
EXTRA_DIST += server/.may_include
