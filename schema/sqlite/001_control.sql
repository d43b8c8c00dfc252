-- SPDX-License-Identifier: GPL-2.0-or-later
-- The control plane: control.db. Forward only; a released file never changes, the next one is 002_control.sql.
-- Times are us since the epoch. Unsigned 64-bit numbers are stored with the same bits.
CREATE TABLE host (
	number INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: segments and cursors carry it
	id BLOB NOT NULL UNIQUE,
	name TEXT NOT NULL,
	os TEXT NOT NULL,
	kernel TEXT NOT NULL,
	arch TEXT NOT NULL,
	machine_id TEXT NOT NULL,
	boot_id TEXT NOT NULL,
	agent_version TEXT NOT NULL,
	sensors TEXT NOT NULL,
	labels TEXT NOT NULL,
	status INTEGER NOT NULL,
	enrolled_us INTEGER NOT NULL,
	last_seen_us INTEGER NOT NULL,
	cert_serial TEXT NOT NULL,
	cert_not_after_us INTEGER NOT NULL,
	pin BLOB NOT NULL
);
CREATE INDEX host_machine ON host(machine_id);
CREATE INDEX host_pin ON host(pin);
CREATE TABLE token (
	id TEXT PRIMARY KEY,
	label TEXT NOT NULL,
	secret_hash BLOB NOT NULL,
	created_us INTEGER NOT NULL,
	expires_us INTEGER NOT NULL,
	uses_max INTEGER NOT NULL,
	uses INTEGER NOT NULL,
	require_approval INTEGER NOT NULL,
	revoked INTEGER NOT NULL
);
CREATE TABLE daemon (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	host INTEGER NOT NULL,
	name TEXT NOT NULL,
	role TEXT NOT NULL,
	unit TEXT NOT NULL,
	instance TEXT NOT NULL,
	exe TEXT NOT NULL,
	package TEXT NOT NULL,
	package_version TEXT NOT NULL,
	container TEXT NOT NULL,
	container_name TEXT NOT NULL,
	image TEXT NOT NULL,
	sha256 BLOB NOT NULL,
	inode INTEGER NOT NULL,
	device INTEGER NOT NULL,
	first_seen_us INTEGER NOT NULL,
	last_seen_us INTEGER NOT NULL,
	events INTEGER NOT NULL,
	gone INTEGER NOT NULL,
	pid INTEGER NOT NULL,
	state TEXT NOT NULL,
	coverage REAL NOT NULL,
	blockers TEXT NOT NULL,
	UNIQUE (host, name)
);
CREATE TABLE profile (
	host INTEGER NOT NULL,
	daemon TEXT NOT NULL,
	kind INTEGER NOT NULL,
	key BLOB NOT NULL,
	count INTEGER NOT NULL,
	first_us INTEGER NOT NULL,
	last_us INTEGER NOT NULL,
	learnt INTEGER NOT NULL,
	PRIMARY KEY (host, daemon, kind, key)
) WITHOUT ROWID;
CREATE TABLE finding (
	id TEXT PRIMARY KEY,
	alert_id TEXT NOT NULL,
	host INTEGER NOT NULL,
	daemon TEXT NOT NULL,
	kind TEXT NOT NULL,
	json TEXT NOT NULL,
	time_us INTEGER NOT NULL,
	score REAL NOT NULL
);
CREATE INDEX finding_alert ON finding(alert_id);
CREATE TABLE alert (
	id TEXT PRIMARY KEY,
	key TEXT NOT NULL,
	host INTEGER NOT NULL,
	daemon TEXT NOT NULL,
	kind TEXT NOT NULL,
	status TEXT NOT NULL,
	severity TEXT NOT NULL,
	title TEXT NOT NULL,
	reason TEXT NOT NULL,
	score INTEGER NOT NULL,
	created_us INTEGER NOT NULL,
	updated_us INTEGER NOT NULL,
	first_us INTEGER NOT NULL,
	last_us INTEGER NOT NULL,
	count INTEGER NOT NULL,
	json TEXT NOT NULL,
	verdict TEXT
);
CREATE INDEX alert_status ON alert(status, id);
CREATE INDEX alert_key ON alert(key) WHERE status <> 'closed';
CREATE TABLE setting (
	key TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;
