-- SPDX-License-Identifier: GPL-2.0-or-later
-- Who a reaction was asked for by, whichever token they used: a user's name, ":local", or '' when that is not known.
ALTER TABLE reaction ADD COLUMN principal TEXT NOT NULL DEFAULT '';
