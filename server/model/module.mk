# SPDX-License-Identifier: GPL-2.0-or-later
# server/model: pure models; no I/O, the same result for the same data and seed on every machine
server_libdsserver_a_SOURCES += server/model/order.c server/model/order.h server/model/conformal.c server/model/conformal.h server/model/fuse.c \
	server/model/fuse.h server/model/tally.c server/model/tally.h server/model/llr.c server/model/llr.h server/model/grams.c server/model/grams.h \
	server/model/chain.c server/model/chain.h server/model/share.c server/model/share.h server/model/pack.c server/model/pack.h server/model/burst.c server/model/burst.h server/model/scale.c server/model/scale.h
EXTRA_DIST += server/model/.may_include
# Windows
server_libdsserver_a_SOURCES += server/model/random.c server/model/random.h server/model/exact.c server/model/exact.h \
	server/model/rows.c server/model/rows.h server/model/kmeans.c server/model/kmeans.h \
	server/model/tree.c server/model/tree.h server/model/dbscan.c server/model/dbscan.h \
	server/model/change.c server/model/change.h server/model/window.c server/model/window.h server/model/windows.c \
	server/model/fit.c server/model/fit.h server/model/fit_code.c server/model/set.c server/model/set.h server/model/rates.c server/model/rates.h
# Fused multiply-add would round differently where a machine has it.
server_libdsserver_a_CFLAGS += -ffp-contract=off
