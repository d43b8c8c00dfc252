-- SPDX-License-Identifier: GPL-2.0-or-later
-- Nobody asks for the orders of a reaction: each order wrote a page for it.
DROP INDEX signed_order_reaction;
