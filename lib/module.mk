# SPDX-License-Identifier: GPL-2.0-or-later
# What every program may link: no ssl, event or z in here.
noinst_LIBRARIES += lib/libds.a
lib_libds_a_SOURCES = lib/compiler.h lib/buf.c lib/buf.h lib/event.c lib/event.h lib/log.c lib/log.h lib/clock.c lib/clock.h \
	lib/conf.c lib/conf_named.c lib/conf_value.c lib/conf_value.h lib/conf_waits.c lib/conf.h lib/map.c lib/map.h
lib_libds_a_SOURCES += lib/array.c lib/array.h lib/file.c lib/file.h lib/daemon.c lib/daemon.h lib/label.c lib/label.h lib/nearest.c lib/nearest.h
lib_libds_a_SOURCES += lib/command.c lib/command.h lib/fds.c lib/fds.h
lib_libds_a_SOURCES += lib/ulid.c lib/ulid.h lib/cidr.c lib/cidr.h
lib_libds_a_SOURCES += lib/systemd.c lib/systemd.h
lib_libds_a_SOURCES += lib/mailbox.c lib/mailbox.h lib/snapshot.c lib/snapshot.h
lib_libds_a_SOURCES += lib/message.c lib/message.h lib/order.c lib/order.h lib/token.h lib/token_text.c
lib_libds_a_SOURCES += lib/ipc.c lib/ipc.h lib/json.c lib/json.h lib/utf8.c lib/utf8.h

# zlib
noinst_LIBRARIES += lib/libdsbatch.a
lib_libdsbatch_a_SOURCES = lib/zip.c lib/zip.h lib/wire.c lib/wire.h lib/batch.h \
	lib/batch_build.c lib/batch_build.h lib/batch_pack.c lib/batch_encode.c lib/batch_column.h lib/batch_format.h \
	lib/batch_decode.c lib/batch_read.c lib/batch_read.h lib/batch_expand.c
lib_libdsbatch_a_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)

# OpenSSL, libevent
noinst_LIBRARIES += lib/libdsnet.a
lib_libdsnet_a_SOURCES = lib/sign.c lib/sign.h lib/tls.c lib/tls_cert.c lib/tls_bundle.c lib/tls.h lib/token.c lib/conn.c lib/conn.h lib/conn_turn.c \
	lib/conn_turn.h
lib_libdsnet_a_CFLAGS = $(AM_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)

DS_BATCH_LIBS = lib/libdsbatch.a $(ZLIB_LIBS) $(DEFLATE_LIBS)
# Before DS_BATCH_LIBS, whose wire.c it needs.
DS_NET_LIBS = lib/libdsnet.a $(SSL_LIBS) $(EVENT_LIBS)

EXTRA_DIST += lib/.may_include
