-- SPDX-License-Identifier: GPL-2.0-or-later
-- Learning: days on which a behaviour was seen while it waits; what people expect; declared deployments; rules.
ALTER TABLE profile ADD COLUMN days INTEGER NOT NULL DEFAULT 0; -- learnt: 0 told, 1 learnt, 2 waits
CREATE TABLE expectation (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	scope TEXT NOT NULL, -- host, label, daemon, fleet
	host INTEGER NOT NULL, -- 0: any
	label TEXT NOT NULL, -- key=value of hosts; '': any
	class TEXT NOT NULL, -- of daemons; '': any
	kind INTEGER NOT NULL, -- of event
	key BLOB NOT NULL,
	alert_id TEXT NOT NULL,
	verdict TEXT NOT NULL,
	by_whom TEXT NOT NULL,
	note TEXT NOT NULL,
	created_us INTEGER NOT NULL,
	expires_us INTEGER NOT NULL, -- 0: never
	undone_us INTEGER NOT NULL, -- 0: holds
	undone_by TEXT NOT NULL
);
CREATE INDEX expectation_alert ON expectation(alert_id);
CREATE TABLE deployment (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	daemon TEXT NOT NULL, -- class; '': every one
	host INTEGER NOT NULL, -- 0: any
	label TEXT NOT NULL,
	by_whom TEXT NOT NULL,
	note TEXT NOT NULL,
	begun_us INTEGER NOT NULL,
	until_us INTEGER NOT NULL,
	ended_us INTEGER NOT NULL -- 0: not ended by a person
);
CREATE TABLE rule (
	id TEXT PRIMARY KEY,
	title TEXT NOT NULL,
	source TEXT NOT NULL, -- where it was imported from
	json TEXT NOT NULL, -- compiled
	by_whom TEXT NOT NULL,
	created_us INTEGER NOT NULL
);
