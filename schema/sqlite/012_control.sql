-- SPDX-License-Identifier: GPL-2.0-or-later
-- Who looks after an alert.
ALTER TABLE alert ADD COLUMN assignee TEXT NOT NULL DEFAULT ''; -- name of a user; '': nobody
-- Changes that were asked for with an Idempotency-Key: written in the transaction of the change, so that asking again
-- changes nothing again. Kept for a day.
CREATE TABLE request (
	key BLOB PRIMARY KEY,        -- SHA-256 over who asks and the key
	hash BLOB NOT NULL,          -- SHA-256 over method, path and body
	created_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX request_created ON request(created_us);
