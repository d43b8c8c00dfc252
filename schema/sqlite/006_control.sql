-- SPDX-License-Identifier: GPL-2.0-or-later
-- Who may use the API, who is signed in, and who changed what. Times are us since the epoch.
CREATE TABLE user (
	name TEXT PRIMARY KEY,
	role TEXT NOT NULL,
	password TEXT NOT NULL,        -- crypt(5)
	totp BLOB NOT NULL,            -- secret; empty: no second factor
	totp_step INTEGER NOT NULL,    -- last time step taken: a code counts once
	created_us INTEGER NOT NULL,
	login_us INTEGER NOT NULL,     -- 0: never
	disabled INTEGER NOT NULL,
	must_change INTEGER NOT NULL   -- the password is a one-time one
) WITHOUT ROWID;
CREATE TABLE session (
	hash BLOB PRIMARY KEY,         -- SHA-256 of the cookie's secret
	user TEXT NOT NULL,
	created_us INTEGER NOT NULL,
	expires_us INTEGER NOT NULL,
	confirmed_us INTEGER NOT NULL  -- when the password was last given
) WITHOUT ROWID;
CREATE INDEX session_user ON session(user);
CREATE TABLE audit (
	number INTEGER PRIMARY KEY,    -- 1, 2, 3, ... without holes
	time_us INTEGER NOT NULL,
	actor TEXT NOT NULL,
	action TEXT NOT NULL,
	subject TEXT NOT NULL,
	detail TEXT NOT NULL,
	hash BLOB NOT NULL             -- SHA-256 over the previous row's hash and this row (server/store/access.h)
);
