-- SPDX-License-Identifier: GPL-2.0-or-later
-- Deliveries of forges (GitHub, GitLab) that were taken, and the deployments that each change opened.
CREATE TABLE hook_delivery (
	number INTEGER PRIMARY KEY,
	forge TEXT NOT NULL,
	digest BLOB NOT NULL,
	delivery TEXT NOT NULL,
	seen_us INTEGER NOT NULL,
	UNIQUE (forge, digest),
	UNIQUE (forge, delivery)
);
CREATE TABLE hook_window (
	source TEXT NOT NULL,
	deployment INTEGER NOT NULL,
	PRIMARY KEY (source, deployment)
) WITHOUT ROWID;
