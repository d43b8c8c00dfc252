-- SPDX-License-Identifier: GPL-2.0-or-later
-- Enrolment at scale: where a token may be used from; what tells a copied disk image from the machine it was copied
-- from; which authority a host trusts and which one made its certificate.
ALTER TABLE token ADD COLUMN cidr TEXT NOT NULL DEFAULT '';           -- networks, comma-separated; '': any
ALTER TABLE host ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;    -- of the agent's state, as last told; 0: never
ALTER TABLE host ADD COLUMN copy_of INTEGER NOT NULL DEFAULT 0;       -- number of the host whose identity it came with
ALTER TABLE host ADD COLUMN trusts BLOB NOT NULL DEFAULT x'';         -- SHA-256 of the keys of authorities it trusts
ALTER TABLE host ADD COLUMN issuer BLOB NOT NULL DEFAULT x'';         -- the one of its newest certificate; '': the first
