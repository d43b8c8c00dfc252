// SPDX-License-Identifier: GPL-2.0-or-later
// rollout - letting hosts in: a token and the commands to use it with, who waits, whose certificate ends.
import { useSignal } from "@preact/signals";
import type { EnrolmentToken } from "../api.gen";
import { all, del, get, may, post, type PageOf } from "../api";
import { changed, useData } from "../data";
import { ms } from "../format";
import type { Host } from "../model";
import { doing } from "../say";
import { t } from "../text";
import { link } from "../url";
import { Button, Chip, Code, Empty, Field, Note, Section, Show, Tabs, Time, Told } from "../ui/basic";
import { Sure } from "../ui/dialog";
import { decide } from "./fleet";

const SOON = 10 * 86400e3;

export function Rollout() {
  const hosts = useData("rollout hosts", (s) => all<Host>("hosts", {}, 10000, s), { every: 10, on: ["hosts"] });
  const tokens = useData("enrolment tokens", (s) => get<PageOf<EnrolmentToken>>("enrolment-tokens", undefined, s), { every: 30, on: ["tokens"] });
  const pending = (hosts.data ?? []).filter((h) => h.status === "pending");
  const ending = (hosts.data ?? []).filter((h) => h.status === "approved" && ms(h.certificate?.expires) > 0 && ms(h.certificate?.expires) - Date.now() < SOON).sort((a, b) => ms(a.certificate?.expires) - ms(b.certificate?.expires));
  return (
    <div class="screen">
      <div class="screen-head"><h1>{t.rollout.title}</h1></div>
      <div class="overview">
        <div class="stack">
          {may("enrolment:write") && <Section title={t.rollout.wizard}><div class="body"><Wizard /></div></Section>}
          <Section title={t.rollout.tokens}><Show of={tokens} what={t.rollout.tokens}>{(p) => <Tokens list={p.items} />}</Show></Section>
        </div>
        <div class="stack">
          <Section title={t.rollout.pending} aside={pending.length > 1 && may("hosts:write") && <Button icon="check" onClick={() => void decide(pending, "approve")}>{t.fleet.approve}: {t.act.all}</Button>}>
            <Show of={hosts} what={t.rollout.pending}>{() => (pending.length === 0 ? <Empty>{t.rollout.noPending}</Empty> : (
              <ul class="lines padded">{pending.map((h) => (
                <li key={h.id} class="row spread"><span class="grow"><a href={link.host(h.id)}><Told text={h.name} /></a> <small><Told text={h.os} />, <Time at={h.enrolled} />{h.copy_of && <>, {t.rollout.copyOf} <Told text={h.copy_of.name} /></>}</small></span>
                  {may("hosts:write") && <span class="row tight"><Button icon="check" kind="primary" onClick={() => void decide([h], "approve")}>{t.fleet.approve}</Button><Button onClick={() => void decide([h], "revoke")}>{t.rollout.refuse}</Button></span>}</li>
              ))}</ul>
            ))}</Show>
          </Section>
          <Section title={t.rollout.certificates}>
            <Show of={hosts} what={t.rollout.certificates}>{() => (ending.length === 0 ? <Empty>{t.rollout.noCertificates}</Empty>
              : <ul class="lines padded">{ending.slice(0, 40).map((h) => <li key={h.id} class="row spread"><a href={link.host(h.id)}><Told text={h.name} /></a><span class="row tight">{ms(h.certificate?.expires) < Date.now() && <Chip kind="bad">{t.rollout.ended}</Chip>}<Time at={h.certificate?.expires} /></span></li>)}</ul>)}</Show>
          </Section>
        </div>
      </div>
    </div>
  );
}

function Wizard() {
  const made = useSignal<EnrolmentToken | null>(null);
  const busy = useSignal(false);
  const submit = async (e: Event) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const label = String(f.get("label") ?? "").trim(), address = String(f.get("address") ?? "").trim();
    busy.value = true;
    await doing(async () => {
      made.value = await post<EnrolmentToken>("enrolment-tokens", {
        uses: Number(f.get("uses")), ttl: String(f.get("ttl")), require_approval: f.get("approval") === "on", ...(label ? { label } : {}), ...(address ? { address } : {}),
      });
    });
    busy.value = false;
    changed("tokens");
  };
  if (made.value?.token) return <Made token={made.value} onAnother={() => { made.value = null; }} />;
  return (
    <form class="stack" onSubmit={submit}>
      <div class="columns">
        <Field label={t.rollout.uses}><input name="uses" type="number" min={1} max={100000} defaultValue="1" required /></Field>
        <Field label={t.rollout.ttl}><select name="ttl" defaultValue="1h"><option value="1h">{t.rollout.hours(1)}</option><option value="24h">{t.rollout.hours(24)}</option><option value="168h">{t.rollout.days(7)}</option><option value="720h">{t.rollout.days(30)}</option></select></Field>
        <Field label={t.rollout.label}><input name="label" maxLength={100} /></Field>
        <Field label={t.rollout.address} hint={t.rollout.addressHint}><input name="address" maxLength={200} placeholder="ds.example.org:7443" spellcheck={false} /></Field>
      </div>
      <label class="checks"><input type="checkbox" name="approval" />{t.rollout.approval}</label>
      <div class="actions"><Button type="submit" kind="primary" icon="plus" busy={busy.value}>{t.rollout.make}</Button></div>
    </form>
  );
}

// What is copied runs as it is, on a host where daemonsec-agent is installed. Only root may write the token's file: the
// agent takes the server's key of orders from it.
const commands = (token: string, address: string): Record<string, string> => ({
  shell: `install -d -m 755 /etc/daemonsec/conf.d
(umask 077; printf '%s\\n' '${token}' >/etc/daemonsec/enrolment-token)
printf '[server]\\naddress = ${address}\\ntoken_file = /etc/daemonsec/enrolment-token\\n' >/etc/daemonsec/conf.d/10-server.conf
daemonsec-agent --check-config && daemonsec-agent`,
  ansible: `# tasks; keep the token in a vault, and start daemonsec-agent by your service manager
- ansible.builtin.file: { path: /etc/daemonsec/conf.d, state: directory, mode: "0755" }
- ansible.builtin.copy: { dest: /etc/daemonsec/enrolment-token, content: "${token}", owner: root, mode: "0600" }
  no_log: true
- ansible.builtin.copy:
    dest: /etc/daemonsec/conf.d/10-server.conf
    content: |
      [server]
      address = ${address}
      token_file = /etc/daemonsec/enrolment-token`,
  cloud: `#cloud-config
write_files:
  - path: /etc/daemonsec/enrolment-token
    permissions: "0600"
    content: "${token}"
  - path: /etc/daemonsec/conf.d/10-server.conf
    content: |
      [server]
      address = ${address}
      token_file = /etc/daemonsec/enrolment-token`,
});

function Made({ token, onAnother }: { token: EnrolmentToken; onAnother: () => void }) {
  const how = useSignal("shell");
  return (
    <div class="stack">
      <Note kind="good"><p>{t.rollout.made}</p></Note>
      <Tabs label={t.rollout.wizard} current={how.value} onPick={(v) => { how.value = v; }} items={Object.entries(t.rollout.how)} />
      <Code text={commands(token.token ?? "", (token.address ?? "").split(",")[0] ?? "")[how.value] ?? ""} />
      <details><summary>{t.rollout.token}</summary><Code text={token.token ?? ""} /></details>
      <div class="actions"><Button onClick={onAnother}>{t.rollout.another}</Button></div>
    </div>
  );
}

function Tokens({ list }: { list: EnrolmentToken[] }) {
  const sure = useSignal<EnrolmentToken | null>(null);
  if (list.length === 0) return <Empty icon="rollout">{t.rollout.noTokens}</Empty>;
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.rollout.tokens}>
      <table class="stacked">
        <thead><tr><th>{t.rollout.label2}</th><th>{t.reactions.state}</th><th class="num">{t.rollout.used}</th><th>{t.rollout.expires}</th><th><span class="unseen">{t.rollout.revoke}</span></th></tr></thead>
        <tbody>{[...list].sort((a, b) => ms(b.created) - ms(a.created)).map((k) => (
          <tr key={k.id}><td><Told text={k.label || k.id} /></td><td data-label={t.reactions.state}><Chip kind={k.status === "valid" ? "good" : ""}>{t.rollout.status[k.status ?? ""] ?? k.status}</Chip></td>
            <td class="num" data-label={t.rollout.used}>{k.uses} / {k.uses_max}</td><td data-label={t.rollout.expires}><Time at={k.expires} /></td>
            <td>{k.status === "valid" && may("enrolment:write") && <Button onClick={() => { sure.value = k; }}>{t.rollout.revoke}</Button>}</td></tr>
        ))}</tbody>
      </table>
      {sure.value && (
        <Sure title={t.rollout.revoke} says={t.rollout.sure} go={t.rollout.revoke} onClose={() => { sure.value = null; }}
          onSure={() => doing(() => del(`enrolment-tokens/${sure.value!.id}`), t.rollout.revoked).then(() => changed("tokens"))} />
      )}
    </div>
  );
}
