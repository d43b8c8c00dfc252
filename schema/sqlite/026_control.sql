-- SPDX-License-Identifier: GPL-2.0-or-later
-- Lists of messages by what they are asked for, and messages counted by what changes them.
CREATE INDEX message_status ON message(status, number);
CREATE INDEX message_of ON message(channel, number);
INSERT INTO tally SELECT 'message', channel || ' ' || status, count(*) FROM message GROUP BY channel, status;
CREATE TRIGGER tally_message_added AFTER INSERT ON message BEGIN
	INSERT INTO tally VALUES ('message', new.channel || ' ' || new.status, 1)
		ON CONFLICT(what, state) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER tally_message_changed AFTER UPDATE OF status ON message WHEN old.status <> new.status BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'message' AND state = old.channel || ' ' || old.status;
	INSERT INTO tally VALUES ('message', new.channel || ' ' || new.status, 1)
		ON CONFLICT(what, state) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER tally_message_removed AFTER DELETE ON message BEGIN
	UPDATE tally SET n = n - 1 WHERE what = 'message' AND state = old.channel || ' ' || old.status;
END;
