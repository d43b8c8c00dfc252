-- SPDX-License-Identifier: GPL-2.0-or-later
-- Who else is told of a host's alerts: what a person says ('-': nobody; '': as the agent says), and what the agent says.
ALTER TABLE host ADD COLUMN alert_email TEXT NOT NULL DEFAULT '';
ALTER TABLE host ADD COLUMN agent_email TEXT NOT NULL DEFAULT '';
CREATE TRIGGER host_email_changed AFTER UPDATE OF alert_email, agent_email ON host
	WHEN old.alert_email <> new.alert_email OR old.agent_email <> new.agent_email BEGIN
	INSERT INTO change(topic, id) VALUES ('host', new.name);
END;
