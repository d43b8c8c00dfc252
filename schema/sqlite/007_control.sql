-- SPDX-License-Identifier: GPL-2.0-or-later
-- What people are told: a message for each channel and thing to tell. It is here before it is sent, and stays a while
-- after. Times are us since the epoch.
CREATE TABLE message (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	channel TEXT NOT NULL,
	event TEXT NOT NULL,      -- new, grown, worse, closed, digest, test
	alert_id TEXT NOT NULL,   -- '': none
	status TEXT NOT NULL,     -- waiting, held (for the next digest), told (in a digest), sent, dead
	severity TEXT NOT NULL,   -- of the alert as it is told
	count INTEGER NOT NULL,   -- likewise
	body TEXT NOT NULL,       -- a JSON object: what is told
	created_us INTEGER NOT NULL,
	due_us INTEGER NOT NULL,  -- not tried before
	tries INTEGER NOT NULL,
	error TEXT NOT NULL,      -- of the last try
	sent_us INTEGER NOT NULL  -- 0: not yet
);
CREATE INDEX message_due ON message(status, due_us);
CREATE INDEX message_alert ON message(alert_id, channel, number);
CREATE INDEX message_channel ON message(channel, status, number);
