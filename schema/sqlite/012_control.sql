-- Who looks after an alert.
ALTER TABLE alert ADD COLUMN assignee TEXT NOT NULL DEFAULT ''; -- name of a user; '': nobody
