-- SPDX-License-Identifier: GPL-2.0-or-later
-- The newest row of the audit log that was ever written: when the log ends before it, rows were cut off.
CREATE TABLE audit_head (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	number INTEGER NOT NULL,
	hash BLOB NOT NULL
);
INSERT INTO audit_head SELECT 1, number, hash FROM audit ORDER BY number DESC LIMIT 1;
