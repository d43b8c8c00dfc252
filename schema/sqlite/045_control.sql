-- SPDX-License-Identifier: GPL-2.0-or-later
-- A mode is said for nginx, not for nginx.service: it fits the daemon as a unit and without one.
UPDATE OR REPLACE mode SET daemon = substr(daemon, 1, length(daemon) - 8)
	WHERE daemon LIKE '_%.service' AND daemon NOT GLOB '*[*?[]*';
