-- SPDX-License-Identifier: GPL-2.0-or-later
-- Versions of profiles: one for each identity of a daemon; a key belongs to the version that learnt it and to all that
-- come after.
ALTER TABLE profile ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
CREATE TABLE profile_version (
	host INTEGER NOT NULL,
	daemon TEXT NOT NULL,
	number INTEGER NOT NULL, -- from 1
	parent INTEGER NOT NULL, -- 0: none
	reason TEXT NOT NULL,    -- first, package, image, deployment, peers, known, unexplained, rollback
	exe TEXT NOT NULL,
	package TEXT NOT NULL,
	package_version TEXT NOT NULL,
	image TEXT NOT NULL,
	sha256 BLOB NOT NULL,
	begun_us INTEGER NOT NULL,
	warm_until_us INTEGER NOT NULL, -- 0: nothing of it is explained by the change
	inherited INTEGER NOT NULL,     -- behaviours that it began with
	explained INTEGER NOT NULL,     -- new ones that the change explains
	told INTEGER NOT NULL,          -- new ones that were told while it warmed up
	PRIMARY KEY (host, daemon, number)
) WITHOUT ROWID;
