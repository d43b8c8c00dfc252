-- SPDX-License-Identifier: GPL-2.0-or-later
-- Hosts that come and go: what a token says of the hosts it lets in. Their going is no alert, and they are forgotten.
ALTER TABLE token ADD COLUMN ephemeral INTEGER NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN ephemeral INTEGER NOT NULL DEFAULT 0;
CREATE INDEX host_ephemeral ON host(number) WHERE ephemeral = 1;
-- When a copy's guard was last told to take orders for its own identity.
ALTER TABLE host ADD COLUMN rebind_us INTEGER NOT NULL DEFAULT 0;
