-- SPDX-License-Identifier: GPL-2.0-or-later
-- The event plane: events/YYYY-MM-DD.db, a file for each UTC day of arrival. Forward only.
-- One row: what the file is, and sums that save a scan.
CREATE TABLE day (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	generation INTEGER NOT NULL,   -- the file with the highest has the newest cursors
	next_number INTEGER NOT NULL,
	segments INTEGER NOT NULL,
	events INTEGER NOT NULL,
	time_min_us INTEGER NOT NULL,  -- of all events; 0: none
	time_max_us INTEGER NOT NULL,
	compact_from INTEGER NOT NULL  -- segments before this number need no more merging
);
INSERT INTO day VALUES (1, 0, 1, 0, 0, 0, 0, 1);
-- The index: narrow, because scans read all of it.
CREATE TABLE segment (
	number INTEGER PRIMARY KEY,
	host INTEGER NOT NULL,
	received_us INTEGER NOT NULL,
	time_min_us INTEGER NOT NULL,
	time_max_us INTEGER NOT NULL,
	len INTEGER NOT NULL,
	kinds INTEGER NOT NULL,
	lane INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	daemons BLOB NOT NULL
);
CREATE INDEX segment_host ON segment(host, time_max_us);
CREATE TABLE bloom (
	number INTEGER PRIMARY KEY,
	bits BLOB NOT NULL
);
-- The batch as it came.
CREATE TABLE packed (
	number INTEGER PRIMARY KEY,
	bytes BLOB NOT NULL
);
-- What is committed of each agent: the dedupe cursor, in the same file as the segments.
CREATE TABLE cursor (
	host INTEGER NOT NULL,
	lane INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	PRIMARY KEY (host, lane)
) WITHOUT ROWID;
