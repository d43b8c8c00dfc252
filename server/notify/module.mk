# server/notify: telling people
server_libdsserver_a_SOURCES += server/notify/alertmanager.c server/notify/channel.c server/notify/channel_check.c server/notify/channel.h \
	server/notify/decide.c server/notify/deliver.c server/notify/email.c server/notify/impl.h server/notify/json_body.c \
	server/notify/json_body.h server/notify/message.c server/notify/message.h server/notify/notify.c \
	server/notify/notify.h server/notify/pagerduty.c server/notify/route.c server/notify/route.h \
	server/notify/sender.c server/notify/sender.h server/notify/slack.c server/notify/telegram.c server/notify/webhook.c
EXTRA_DIST += server/notify/.may_include
