# SPDX-License-Identifier: GPL-2.0-or-later
# server/train: makes models from what is stored
server_libdsserver_a_SOURCES += server/train/train.c server/train/train.h server/train/train_impl.h server/train/run.c \
	server/train/collect.c server/train/collect.h server/train/build.c server/train/build.h
EXTRA_DIST += server/train/.may_include

# A host's history, for tests of what is learnt of it.
system_helpers += tests/system/history
tests_system_history_SOURCES = tests/system/history.c
tests_system_history_LDADD = $(DS_BATCH_LIBS) lib/libds.a -lm
system_helpers += tests/system/recording
tests_system_recording_SOURCES = tests/system/recording.c
tests_system_recording_LDADD = $(DS_BATCH_LIBS) lib/libds.a -lm
