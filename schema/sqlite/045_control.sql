-- SPDX-License-Identifier: GPL-2.0-or-later
-- A mode is said for nginx, not for nginx.service: it fits the daemon as a unit and without one.
UPDATE OR REPLACE mode SET daemon = substr(daemon, 1, length(daemon) - 8)
	WHERE daemon LIKE '_%.service' AND daemon NOT GLOB '*[*?[]*';
-- The latest time that something was done to a target, on any host.
DROP INDEX reaction_target;
CREATE INDEX reaction_target ON reaction(target, kind, created_us, host);
