# SPDX-License-Identifier: GPL-2.0-or-later
# server/ingest: what agents connect to
server_libdsserver_a_SOURCES += server/ingest/pki.c server/ingest/pki.h server/ingest/pki_impl.h server/ingest/pki_rotate.c \
	server/ingest/ingest.c server/ingest/ingest.h server/ingest/worker.c server/ingest/worker.h server/ingest/published.h \
	server/ingest/listener.c server/ingest/session.c server/ingest/host.c server/ingest/enrol.c server/ingest/enrol.h server/ingest/trust.c server/ingest/trust.h server/ingest/copy.c server/ingest/copy.h \
	server/ingest/deliver.c server/ingest/scoring.c server/ingest/scoring.h
EXTRA_DIST += server/ingest/.may_include
