-- SPDX-License-Identifier: GPL-2.0-or-later
-- What stands in for a daemon that is not learnt, and with how much confidence: see server/detect/starter.h.
ALTER TABLE daemon ADD COLUMN starter TEXT NOT NULL DEFAULT '';
ALTER TABLE daemon ADD COLUMN starter_confidence REAL NOT NULL DEFAULT 0;
