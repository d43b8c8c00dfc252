-- SPDX-License-Identifier: GPL-2.0-or-later
-- Models of windows, the jobs that make them, and what is to be forgotten.
CREATE TABLE model (
	id TEXT PRIMARY KEY,
	daemon TEXT NOT NULL,    -- class
	version INTEGER NOT NULL, -- of the daemon, from 1
	state TEXT NOT NULL,     -- active, retired, refused
	created_us INTEGER NOT NULL,
	data_from_us INTEGER NOT NULL,
	data_to_us INTEGER NOT NULL,
	windows INTEGER NOT NULL,
	hosts INTEGER NOT NULL,
	coverage REAL NOT NULL,  -- of the minutes between data_from and data_to on its hosts
	checksum TEXT NOT NULL,  -- SHA-256 of bytes
	chain TEXT NOT NULL,     -- SHA-256 over the chain of the version before, and checksum
	job TEXT NOT NULL,
	note TEXT NOT NULL,      -- what the gate said
	bytes BLOB NOT NULL
);
CREATE UNIQUE INDEX model_version ON model(daemon, version);
CREATE TABLE job (
	id TEXT PRIMARY KEY,
	kind TEXT NOT NULL,      -- train, forget
	state TEXT NOT NULL,     -- running, done, failed, interrupted
	created_us INTEGER NOT NULL,
	updated_us INTEGER NOT NULL,
	done INTEGER NOT NULL,
	total INTEGER NOT NULL,
	message TEXT NOT NULL,
	result TEXT NOT NULL,    -- a JSON object
	by_whom TEXT NOT NULL
);
CREATE TABLE forgotten (
	host INTEGER NOT NULL,
	from_us INTEGER NOT NULL,
	to_us INTEGER NOT NULL,
	at_us INTEGER NOT NULL,
	by_whom TEXT NOT NULL,
	PRIMARY KEY (host, from_us, to_us)
) WITHOUT ROWID;
-- Windows of confirmed attacks: a new model must still find them.
CREATE TABLE attack_window (
	daemon TEXT NOT NULL,    -- class
	host INTEGER NOT NULL,
	minute INTEGER NOT NULL,
	alert_id TEXT NOT NULL,
	vector BLOB NOT NULL,    -- floats, big-endian
	PRIMARY KEY (daemon, host, minute)
) WITHOUT ROWID;
CREATE TRIGGER job_added AFTER INSERT ON job BEGIN
	INSERT INTO change(topic, id) VALUES ('job', new.id);
END;
CREATE TRIGGER job_changed AFTER UPDATE ON job BEGIN
	INSERT INTO change(topic, id) VALUES ('job', new.id);
END;
