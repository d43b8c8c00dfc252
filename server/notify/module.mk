# SPDX-License-Identifier: GPL-2.0-or-later
# server/notify: telling people
server_libdsserver_a_SOURCES += server/notify/alertmanager.c server/notify/channel.c server/notify/channel_check.c server/notify/channel.h server/notify/clean.c server/notify/clean.h \
	server/notify/decide.c server/notify/deliver.c server/notify/email.c server/notify/impl.h server/notify/json_body.c \
	server/notify/json_body.h server/notify/held.c server/notify/message.c server/notify/message.h server/notify/message_digest.c server/notify/notify.c \
	server/notify/notify.h server/notify/pagerduty.c server/notify/route.c server/notify/route.h \
	server/notify/sender.c server/notify/sender.h server/notify/siem.c server/notify/siem.h server/notify/siem_address.c \
	server/notify/siem_address.h server/notify/siem_batch.c server/notify/siem_batch.h server/notify/siem_form.c \
	server/notify/siem_form.h server/notify/siem_link.c server/notify/siem_link.h server/notify/siem_ocsf.c \
	server/notify/siem_place.c server/notify/siem_place.h server/notify/siem_record.c server/notify/siem_record.h \
	server/notify/siem_told.c server/notify/siem_told.h server/notify/host_names.c server/notify/host_names.h \
	server/notify/private_address.c server/notify/private_address.h server/notify/slack.c server/notify/telegram.c server/notify/webhook.c
EXTRA_DIST += server/notify/.may_include
