# server/ingest: sources, tests and what is installed
server_libdsserver_a_SOURCES += server/ingest/pki.c server/ingest/pki.h
EXTRA_DIST += server/ingest/.may_include
