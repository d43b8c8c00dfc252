# server/train: makes models from what is stored
server_libdsserver_a_SOURCES += server/train/train.c server/train/train.h server/train/train_impl.h server/train/run.c \
	server/train/collect.c server/train/collect.h server/train/build.c server/train/build.h
EXTRA_DIST += server/train/.may_include
