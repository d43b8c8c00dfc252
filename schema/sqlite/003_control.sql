-- SPDX-License-Identifier: GPL-2.0-or-later
-- What streaming models learnt and how their scores are calibrated: of a host's daemons, or of one worker (host 0).
CREATE TABLE model_state (
	host INTEGER NOT NULL,
	shard INTEGER NOT NULL, -- number of the worker; 0 with a host
	name TEXT NOT NULL,
	data BLOB NOT NULL,
	PRIMARY KEY (host, shard, name)
) WITHOUT ROWID;
