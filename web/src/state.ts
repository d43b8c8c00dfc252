// SPDX-License-Identifier: GPL-2.0-or-later
// state - what every screen shows a part of: the server's status.
import { signal } from "@preact/signals";
import type { Status as Described } from "./api.gen";

export type Counts = {
  hosts: { total: number; connected: number; pending: number; revoked: number };
  daemons: { total: number; ready: number; learning: number; gone: number };
  alerts: { total: number; open: number; acknowledged: number; closed: number };
  reactions: { total: number } & Record<string, number>;
};
export type StoreHealth = {
  status: string; reason?: string; events: number; segments: number; bytes: number; control_bytes: number; days: number; oldest?: string;
  newest?: string; disk_free_bytes: number; backlog: number; commit_ms: number; commit_ms_max: number; failures: number;
};
export type Health = { status: string; store: StoreHealth; models: { status: string; kind?: string }; channels: { name?: string; status?: string; reason?: string }[] };
export type Ingest = {
  events_per_second: number; lag_seconds: number; events: number; batches: number; bytes: number; duplicates: number; gaps: number; lost: number;
  bad_frames: number; refused: number; sessions: number; followers: number;
};
export type HostBrief = { name: string; connected: boolean; sensors?: string; agent_version?: string; lag_seconds?: number; gaps?: number; lost?: number; last_seen?: string };
export type Status = Omit<Described, "counts" | "health" | "ingest" | "hosts"> & {
  counts: Counts; health: Health; ingest: Ingest; hosts: HostBrief[]; paused?: boolean; breaker?: unknown;
};

export const status = signal<Status | null>(null);
