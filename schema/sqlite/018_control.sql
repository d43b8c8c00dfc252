-- SPDX-License-Identifier: GPL-2.0-or-later
-- Large fleets: counts that every screen shows, kept by what changes them, and indexes for what lists are asked for.
CREATE TABLE tally (
	what TEXT NOT NULL, -- host, daemon, alert, reaction
	state TEXT NOT NULL,
	n INTEGER NOT NULL,
	PRIMARY KEY (what, state)
) WITHOUT ROWID;
INSERT INTO tally VALUES
	('host', '0', (SELECT count(*) FROM host WHERE status = 0)),
	('host', '1', (SELECT count(*) FROM host WHERE status = 1)),
	('host', '2', (SELECT count(*) FROM host WHERE status = 2)),
	('daemon', 'gone', (SELECT count(*) FROM daemon WHERE gone)),
	('daemon', 'ready', (SELECT count(*) FROM daemon WHERE NOT gone AND state = 'ready')),
	('daemon', 'learning', (SELECT count(*) FROM daemon WHERE NOT gone AND state <> 'ready')),
	('alert', 'open', (SELECT count(*) FROM alert WHERE status = 'open')),
	('alert', 'acknowledged', (SELECT count(*) FROM alert WHERE status = 'acknowledged')),
	('alert', 'closed', (SELECT count(*) FROM alert WHERE status = 'closed'));
-- What is in effect ends, what was done stays done: a lifetime tells them apart.
INSERT INTO tally SELECT 'reaction', s || l, (SELECT count(*) FROM reaction
	WHERE status = s AND (expires_us > 0) = (l = ' lasting'))
	FROM (SELECT 'dry_run' AS s UNION ALL SELECT 'pending' UNION ALL SELECT 'sent' UNION ALL SELECT 'applied'
		UNION ALL SELECT 'verified' UNION ALL SELECT 'failed' UNION ALL SELECT 'expired' UNION ALL SELECT 'undone')
	JOIN (SELECT '' AS l UNION ALL SELECT ' lasting');
CREATE TRIGGER tally_host_added AFTER INSERT ON host BEGIN
	UPDATE tally SET n = n + 1 WHERE what = 'host' AND state = CAST(new.status AS TEXT);
END;
CREATE TRIGGER tally_host_changed AFTER UPDATE OF status ON host WHEN old.status <> new.status BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'host' AND state = CAST(old.status AS TEXT);
	UPDATE tally SET n = n + 1 WHERE what = 'host' AND state = CAST(new.status AS TEXT);
END;
CREATE TRIGGER tally_host_removed AFTER DELETE ON host BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'host' AND state = CAST(old.status AS TEXT);
END;
CREATE TRIGGER tally_daemon_added AFTER INSERT ON daemon BEGIN
	UPDATE tally SET n = n + 1 WHERE what = 'daemon'
		AND state = CASE WHEN new.gone THEN 'gone' WHEN new.state = 'ready' THEN 'ready' ELSE 'learning' END;
END;
CREATE TRIGGER tally_daemon_changed AFTER UPDATE OF gone, state ON daemon
	WHEN old.gone <> new.gone OR old.state <> new.state BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'daemon'
		AND state = CASE WHEN old.gone THEN 'gone' WHEN old.state = 'ready' THEN 'ready' ELSE 'learning' END;
	UPDATE tally SET n = n + 1 WHERE what = 'daemon'
		AND state = CASE WHEN new.gone THEN 'gone' WHEN new.state = 'ready' THEN 'ready' ELSE 'learning' END;
END;
CREATE TRIGGER tally_daemon_removed AFTER DELETE ON daemon BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'daemon'
		AND state = CASE WHEN old.gone THEN 'gone' WHEN old.state = 'ready' THEN 'ready' ELSE 'learning' END;
END;
CREATE TRIGGER tally_alert_added AFTER INSERT ON alert BEGIN
	UPDATE tally SET n = n + 1 WHERE what = 'alert' AND state = new.status;
END;
CREATE TRIGGER tally_alert_changed AFTER UPDATE OF status ON alert WHEN old.status <> new.status BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'alert' AND state = old.status;
	UPDATE tally SET n = n + 1 WHERE what = 'alert' AND state = new.status;
END;
CREATE TRIGGER tally_alert_removed AFTER DELETE ON alert BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'alert' AND state = old.status;
END;
CREATE TRIGGER tally_reaction_added AFTER INSERT ON reaction BEGIN
	UPDATE tally SET n = n + 1 WHERE what = 'reaction'
		AND state = new.status || CASE WHEN new.expires_us > 0 THEN ' lasting' ELSE '' END;
END;
CREATE TRIGGER tally_reaction_changed AFTER UPDATE OF status, expires_us ON reaction
	WHEN old.status <> new.status OR (old.expires_us > 0) <> (new.expires_us > 0) BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'reaction'
		AND state = old.status || CASE WHEN old.expires_us > 0 THEN ' lasting' ELSE '' END;
	UPDATE tally SET n = n + 1 WHERE what = 'reaction'
		AND state = new.status || CASE WHEN new.expires_us > 0 THEN ' lasting' ELSE '' END;
END;
CREATE TRIGGER tally_reaction_removed AFTER DELETE ON reaction BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'reaction'
		AND state = old.status || CASE WHEN old.expires_us > 0 THEN ' lasting' ELSE '' END;
END;
CREATE INDEX host_name ON host(name COLLATE NOCASE);
CREATE INDEX alert_kind ON alert(kind, id);
CREATE INDEX alert_severity ON alert(severity, id);
CREATE INDEX alert_host ON alert(host, id);
