// SPDX-License-Identifier: GPL-2.0-or-later
// apply - a person has something done on a host: what, to what, for how long, and why.
import { useSignal } from "@preact/signals";
import { post } from "../api";
import { changed } from "../data";
import type { Alert } from "../model";
import { doing } from "../say";
import { t } from "../text";
import { Button, Field, Note, Told } from "./basic";
import { Dialog } from "./dialog";

type Kind = { id: string; takes: "process" | "address" | "port" | "path" | "unit" | ""; ttl: boolean };
// What each reaction is done to; the server has the last word on all of it.
const kinds: Kind[] = [
  { id: "freeze", takes: "process", ttl: true }, { id: "kill", takes: "process", ttl: false }, { id: "block_ip", takes: "address", ttl: true },
  { id: "block_port", takes: "port", ttl: true }, { id: "cut", takes: "address", ttl: false }, { id: "restore_file", takes: "path", ttl: false },
  { id: "restart", takes: "unit", ttl: false }, { id: "isolate", takes: "", ttl: true },
];

export type Subject = { host: { id?: string | null; name?: string | null }; daemon?: string; alert?: Alert };

// Addresses that the alert's own events name.
function addressesOf(a?: Alert): string[] {
  const out = new Set<string>();
  for (const e of a?.events ?? []) for (const k of ["address", "destination", "source", "remote", "destination_ip", "source_ip"]) { const v = e[k]; if (typeof v === "string" && v) out.add(v.replace(/^\[?([\da-fA-F.:]+?)\]?(:\d+)?$/, "$1")); }
  return [...out];
}

export function Apply({ on, onClose, kind: first = "freeze" }: { on: Subject; onClose: () => void; kind?: string }) {
  const kind = useSignal(first);
  const busy = useSignal(false);
  const k = kinds.find((x) => x.id === kind.value)!;
  const p = on.alert?.process;
  const submit = async (e: Event) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement), text = (n: string) => String(f.get(n) ?? "").trim();
    const body: Record<string, unknown> = { kind: k.id, host: on.host.id ?? on.host.name };
    if (on.daemon) body["daemon"] = on.daemon;
    if (on.alert) body["alert"] = on.alert.id;
    if (k.takes === "process") body["pid"] = Number(text("pid"));
    if (k.takes === "address") body["address"] = text("address");
    if (k.takes === "port") { body["port"] = Number(text("port")); body["protocol"] = text("protocol"); }
    if (k.takes === "path") body["path"] = text("path");
    if (k.takes === "unit") body["unit"] = text("unit");
    if (k.ttl) body["ttl"] = text("ttl");
    if (text("reason")) body["reason"] = text("reason");
    busy.value = true;
    const ok = await doing(() => post("reactions", body), t.apply.ordered);
    busy.value = false;
    changed("reactions", "alerts", "status");
    if (ok) onClose();
  };
  return (
    <Dialog title={t.apply.title} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <p>{t.apply.on} <strong><Told text={on.host.name} /></strong></p>
        <Field label={t.apply.what} hint={t.apply.does[k.id]}><select value={kind.value} onChange={(e) => { kind.value = e.currentTarget.value; }}>{kinds.map((x) => <option key={x.id} value={x.id}>{t.reaction.kinds[x.id]}</option>)}</select></Field>
        {k.takes === "process" && <Field label={t.apply.pid} hint={p?.pid ? p.command_line ?? p.executable : undefined}><input key="pid" name="pid" type="number" min={2} required defaultValue={p?.pid ? String(p.pid) : ""} /></Field>}
        {k.takes === "address" && <Field label={t.apply.address}><><input key="address" name="address" required spellcheck={false} list="addresses" defaultValue={addressesOf(on.alert)[0] ?? ""} /><datalist id="addresses">{addressesOf(on.alert).map((a) => <option key={a} value={a} />)}</datalist></></Field>}
        {k.takes === "port" && <div class="columns"><Field label={t.apply.port}><input key="port" name="port" type="number" min={1} max={65535} required /></Field><Field label={t.apply.protocol}><select name="protocol"><option>tcp</option><option>udp</option></select></Field></div>}
        {k.takes === "path" && <Field label={t.apply.path}><input key="path" name="path" required spellcheck={false} /></Field>}
        {k.takes === "unit" && <Field label={t.apply.unit}><input key="unit" name="unit" required spellcheck={false} defaultValue={on.daemon ?? ""} /></Field>}
        {k.ttl && <Field label={t.apply.ttl}><select name="ttl">{["10m", "1h", "24h"].map((x) => <option key={x} value={x}>{t.apply.ttls[x]}</option>)}</select></Field>}
        <Field label={t.apply.reason}><input name="reason" maxLength={200} defaultValue={on.alert ? on.alert.title.slice(0, 190) : ""} /></Field>
        <Note>{k.ttl ? t.apply.ends : t.apply.checked}</Note>
        <div class="actions end"><Button onClick={onClose}>{t.act.cancel}</Button><Button type="submit" kind="danger" busy={busy.value}>{t.reaction.kinds[k.id]}</Button></div>
      </form>
    </Dialog>
  );
}
