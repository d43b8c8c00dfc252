-- SPDX-License-Identifier: GPL-2.0-or-later
-- What changed, in order, for those who look on (GET stream): written by the change itself, so nothing is missed and
-- nothing is told that was rolled back. The newest 100 000 are kept.
CREATE TABLE change (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	topic TEXT NOT NULL, -- alert, reaction, host, job
	id TEXT NOT NULL
);
CREATE TRIGGER change_bound AFTER INSERT ON change WHEN new.seq % 100 = 0 BEGIN
	DELETE FROM change WHERE seq <= new.seq - 100000;
END;
CREATE TRIGGER alert_added AFTER INSERT ON alert BEGIN
	INSERT INTO change(topic, id) VALUES ('alert', new.id);
END;
CREATE TRIGGER alert_changed AFTER UPDATE ON alert BEGIN
	INSERT INTO change(topic, id) VALUES ('alert', new.id);
END;
CREATE TRIGGER reaction_added AFTER INSERT ON reaction BEGIN
	INSERT INTO change(topic, id) VALUES ('reaction', new.id);
END;
CREATE TRIGGER reaction_changed AFTER UPDATE ON reaction BEGIN
	INSERT INTO change(topic, id) VALUES ('reaction', new.id);
END;
CREATE TRIGGER host_added AFTER INSERT ON host BEGIN
	INSERT INTO change(topic, id) VALUES ('host', new.name);
END;
CREATE TRIGGER host_changed AFTER UPDATE OF name, status, labels ON host
	WHEN old.name <> new.name OR old.status <> new.status OR old.labels <> new.labels BEGIN
	INSERT INTO change(topic, id) VALUES ('host', new.name);
END;
