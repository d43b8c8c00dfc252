-- SPDX-License-Identifier: GPL-2.0-or-later
-- Reactions: what was done (or would have been), the signed orders that do it, and who may do what unasked.
CREATE TABLE reaction (
	id TEXT PRIMARY KEY, -- rct_ and a ULID: sorts by time
	kind TEXT NOT NULL,
	host INTEGER NOT NULL,
	daemon TEXT NOT NULL,
	alert_id TEXT NOT NULL, -- '': a person's
	target TEXT NOT NULL, -- what it is done to: ip:192.0.2.1, pid:7@123, path:/etc/x
	args TEXT NOT NULL, -- a JSON object
	mode TEXT NOT NULL, -- dry_run, applied
	status TEXT NOT NULL,
	rule TEXT NOT NULL, -- of the policy; '': a person's
	reason TEXT NOT NULL,
	by_whom TEXT NOT NULL,
	approved_by TEXT NOT NULL,
	created_us INTEGER NOT NULL,
	updated_us INTEGER NOT NULL,
	sent_us INTEGER NOT NULL,
	applied_us INTEGER NOT NULL,
	expires_us INTEGER NOT NULL, -- of the effect; 0: it has no lifetime (a kill)
	result TEXT NOT NULL -- a JSON object
) WITHOUT ROWID;
CREATE INDEX reaction_alert ON reaction(alert_id, id);
CREATE INDEX reaction_host ON reaction(host, id);
CREATE INDEX reaction_target ON reaction(target, kind, host, created_us);
CREATE INDEX reaction_status ON reaction(status, id);
CREATE TABLE signed_order (
	id TEXT PRIMARY KEY, -- ord_ and a ULID
	reaction_id TEXT NOT NULL,
	host INTEGER NOT NULL,
	undo INTEGER NOT NULL, -- takes the reaction back
	counter INTEGER NOT NULL, -- grows with every order of the host
	created_us INTEGER NOT NULL,
	expires_us INTEGER NOT NULL, -- not delivered after this
	closed INTEGER NOT NULL, -- answered, or dead
	bytes BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX signed_order_host ON signed_order(host, counter);
CREATE INDEX signed_order_open ON signed_order(host, counter) WHERE NOT closed;
CREATE INDEX signed_order_reaction ON signed_order(reaction_id);
CREATE TABLE mode (
	host INTEGER NOT NULL, -- 0: all
	label TEXT NOT NULL, -- '': all
	daemon TEXT NOT NULL, -- '': all
	mode TEXT NOT NULL, -- monitor, active, prevent
	by_whom TEXT NOT NULL,
	set_us INTEGER NOT NULL,
	PRIMARY KEY (host, label, daemon)
) WITHOUT ROWID;
