// SPDX-License-Identifier: GPL-2.0-or-later
// settings - who may do what, how the server does, what it is set to.
import { useSignal } from "@preact/signals";
import type { ApiToken, AuditRow, Channel, Message, User } from "../api.gen";
import { del, get, may, offers, patch, post, session, type PageOf } from "../api";
import { changed, useData } from "../data";
import { bytes, count, dateTime } from "../format";
import { status } from "../state";
import { t } from "../text";
import { link, param, setParams } from "../url";
import { Button, Chip, Code, Dialog, doing, Empty, Facts, Field, Note, say, Section, Show, Tabs, Time, Told } from "../ui/basic";
import { PasswordForm } from "./login";

type Options = Record<string, Record<string, { value: string; default: string; help: string }>>;
const tabs: [string, string, () => boolean][] = [
  ["storage", t.settings.storage, () => true],
  ["users", t.settings.users, () => offers("GET", "/users") && may("admin:read")],
  ["tokens", t.settings.tokens, () => may("admin:read")],
  ["channels", t.settings.channels, () => true],
  ["audit", t.settings.audit, () => offers("GET", "/audit") && may("admin:read")],
  ["options", t.settings.options, () => true],
];

export function Settings() {
  const tab = param("tab") || "storage";
  return (
    <div class="screen">
      <div class="screen-head"><h1>{t.settings.title}</h1>
        <Tabs label={t.settings.title} current={tab} onPick={(v) => setParams({ tab: v === "storage" ? "" : v }, false)} items={tabs.filter(([, , on]) => on()).map(([id, text]) => [id, text])} /></div>
      {tab === "storage" && <Storage />}
      {tab === "users" && <Users />}
      {tab === "tokens" && <Tokens />}
      {tab === "channels" && <Channels />}
      {tab === "audit" && <Audit />}
      {tab === "options" && <OptionList />}
    </div>
  );
}

function Storage() {
  const s = status.value, f = t.settings.fields;
  const options = useData("settings", (x) => get<Options>("settings", undefined, x));
  if (!s) return null;
  const set = options.data?.["storage"], kept = [set?.["retention"]?.value, set?.["max_size"]?.value].filter(Boolean);
  const h = s.health.store;
  return (
    <div class="cards">
      <Section title={t.settings.storage} aside={<Chip kind={h.status === "ok" ? "good" : "bad"} icon={h.status === "ok" ? "check" : "high"}>{h.status === "ok" ? t.overview.ok : h.status}</Chip>}>
        <div class="body stack">
          {h.reason && <Note kind="bad"><Told text={h.reason} /></Note>}
          <Facts rows={[
            [f.events, count(h.events)], [f.bytes, bytes(h.bytes)], [f.segments, count(h.segments)], [f.days, count(h.days)], [f.control, bytes(h.control_bytes)], [f.oldest, dateTime(h.oldest)], [f.newest, dateTime(h.newest)],
            ...(kept.length > 0 ? [[f.retention, <a href="/settings?tab=options"><Told text={kept.join(", ")} /></a>] as [string, preact.JSX.Element]] : []),
            [f.free, bytes(h.disk_free_bytes)], [f.commit, `${count(h.commit_ms)} ms, ${f.worst} ${count(h.commit_ms_max)} ms`], [f.backlog, count(h.backlog)], [f.failures, count(h.failures)],
          ]} />
        </div>
      </Section>
      <Section title={t.settings.about}>
        <div class="body"><Facts rows={[
          [t.settings.version, s.version], [t.settings.started, <Time at={s.started} exact />], [t.settings.address, <Told text={s.api_url} mono />],
          [t.settings.api, <a href="/api/v1/openapi.json" onClick={(e) => { e.preventDefault(); void openapi(); }}>openapi.json</a>], [t.settings.licences, <a href="/LICENSES.txt" target="_blank" rel="noreferrer">LICENSES.txt</a>],
        ]} /></div>
      </Section>
      {session.value && offers("POST", "/session/totp") && session.value.kind === "session" && <Mine />}
    </div>
  );
}

// The description wants a token too, so it is fetched and shown, not gone to.
async function openapi() {
  await doing(async () => {
    const url = URL.createObjectURL(new Blob([JSON.stringify(await get("openapi.json"), null, 1)], { type: "application/json" }));
    open(url, "_blank", "noreferrer");
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  }, t.act.done);
}

// One's own password and second factor.
function Mine() {
  const offer = useSignal<{ secret: string; uri: string } | null>(null);
  const choosing = useSignal(false);
  const s = session.value!;
  const start = () => void doing(async () => { offer.value = await post("session/totp"); }, t.settings.totpOffered);
  const remove = () => void doing(async () => { session.value = { ...s, ...await post<typeof s>("session/totp", { remove: true }) }; }, t.act.done);
  const submit = async (e: Event) => {
    e.preventDefault();
    const code = String(new FormData(e.currentTarget as HTMLFormElement).get("code") ?? "").trim();
    if (await doing(async () => { session.value = { ...s, ...await post<typeof s>("session/totp", { secret: offer.value!.secret, code }) }; }, t.settings.totpOn)) offer.value = null;
  };
  return (
    <Section title={t.settings.mine}>
      <div class="body stack">
        <p>{s.user}, {s.role}</p>
        {offer.value ? (
          <form class="stack" onSubmit={submit}>
            <p>{t.settings.totpHow}</p><Code text={offer.value.secret} /><Code text={offer.value.uri} />
            <Field label={t.login.code}><input name="code" inputMode="numeric" autoComplete="one-time-code" required /></Field>
            <div class="actions"><Button type="submit" kind="primary">{t.act.save}</Button><Button onClick={() => { offer.value = null; }}>{t.act.cancel}</Button></div>
          </form>
        ) : <div class="actions"><Button onClick={() => { choosing.value = true; }}>{t.settings.password}</Button>{s.totp ? <Button onClick={remove}>{t.settings.totpRemove}</Button> : <Button onClick={start}>{t.settings.totpAdd}</Button>}</div>}
      </div>
      {choosing.value && (
        <Dialog title={t.settings.password} onClose={() => { choosing.value = false; }}>
          <PasswordForm onDone={() => { choosing.value = false; say(t.settings.passwordDone); }} more={<Button onClick={() => { choosing.value = false; }}>{t.act.cancel}</Button>} />
        </Dialog>
      )}
    </Section>
  );
}

const roles = ["viewer", "analyst", "operator", "admin"];

function Users() {
  const list = useData("users", (s) => get<PageOf<User>>("users", undefined, s), { on: ["users"] });
  const made = useSignal<User | null>(null);
  const sure = useSignal<User | null>(null);
  const create = async (e: Event) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement, f = new FormData(form);
    if (await doing(async () => { made.value = await post<User>("users", { name: String(f.get("name")).trim(), role: String(f.get("role")) }); }, t.act.done)) form.reset();
    changed("users", "audit");
  };
  const change = (u: User, body: Record<string, unknown>) => doing(async () => { const r = await patch<User>(`users/${encodeURIComponent(u.name!)}`, body); if (r.password) made.value = r; }, t.act.done).then(() => changed("users", "audit"));
  return (
    <Section title={t.settings.users}>
      {made.value?.password && <div class="body"><Note kind="good"><p>{t.settings.oneTime(made.value.name ?? "")}</p><Code text={made.value.password} /></Note></div>}
      <Show of={list} what={t.settings.users}>{(p) => (
        <div class="table-wrap" tabIndex={0} role="region" aria-label={t.settings.users}>
          <table>
            <thead><tr><th>{t.settings.user}</th><th>{t.settings.role}</th><th>{t.settings.second}</th><th>{t.settings.last}</th><th><span class="unseen">{t.act.more}</span></th></tr></thead>
            <tbody>{p.items.map((u) => (
              <tr key={u.name}><td><Told text={u.name} /> {u.disabled && <Chip kind="bad">{t.settings.disabled}</Chip>} {u.must_change && <Chip>{t.settings.mustChange}</Chip>}</td>
                <td>{may("admin:write") ? <select class="auto" aria-label={`${t.settings.role}: ${u.name}`} value={u.role} onChange={(e) => void change(u, { role: e.currentTarget.value })}>{roles.map((r) => <option key={r}>{r}</option>)}</select> : u.role}</td>
                <td>{u.totp ? t.act.yes : t.act.no}</td><td><Time at={u.last_login} /></td>
                <td><span class="row tight">{may("admin:write") && <><Button onClick={() => void change(u, { reset: true })}>{t.settings.reset}</Button><Button onClick={() => void change(u, { disabled: !u.disabled })}>{u.disabled ? t.settings.enable : t.settings.disable}</Button>
                  <Button kind="danger" onClick={() => { sure.value = u; }}>{t.act.remove}</Button></>}</span></td></tr>
            ))}</tbody>
          </table>
        </div>
      )}</Show>
      {may("admin:write") && (
        <form class="body row" onSubmit={create}>
          <input name="name" aria-label={t.settings.user} placeholder={t.settings.user} maxLength={64} required class="auto" autoComplete="off" />
          <select name="role" aria-label={t.settings.role} class="auto">{roles.map((r) => <option key={r}>{r}</option>)}</select>
          <Button type="submit" icon="plus">{t.act.create}</Button>
        </form>
      )}
      {sure.value && (
        <Dialog title={t.act.remove} onClose={() => { sure.value = null; }}>
          <p>{t.settings.sureUser(sure.value.name ?? "")}</p>
          <div class="actions end"><Button onClick={() => { sure.value = null; }}>{t.act.cancel}</Button>
            <Button kind="danger" onClick={() => void doing(() => del(`users/${encodeURIComponent(sure.value!.name!)}`), t.act.done).then(() => { sure.value = null; changed("users", "audit"); })}>{t.act.remove}</Button></div>
        </Dialog>
      )}
    </Section>
  );
}

function Tokens() {
  const list = useData("api tokens", (s) => get<PageOf<ApiToken>>("api-tokens", undefined, s), { on: ["api-tokens"] });
  const made = useSignal<ApiToken | null>(null);
  const sure = useSignal<ApiToken | null>(null);
  const create = async (e: Event) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement, f = new FormData(form);
    if (await doing(async () => { made.value = await post<ApiToken>("api-tokens", { name: String(f.get("name")).trim(), scopes: String(f.get("scopes")), ttl: String(f.get("ttl")) }); }, t.act.done)) form.reset();
    changed("api-tokens");
  };
  return (
    <Section title={t.settings.tokens}>
      {made.value?.token && <div class="body"><Note kind="good"><p>{t.settings.made}</p><Code text={made.value.token} /></Note></div>}
      <Show of={list} what={t.settings.tokens}>{(p) => (p.items.length === 0 ? <Empty icon="user">{t.settings.noTokens}</Empty> : (
        <div class="table-wrap" tabIndex={0} role="region" aria-label={t.settings.tokens}>
          <table>
            <thead><tr><th>{t.settings.name}</th><th>{t.settings.scopes}</th><th>{t.settings.created}</th><th>{t.settings.expires}</th><th><span class="unseen">{t.settings.revoke}</span></th></tr></thead>
            <tbody>{p.items.map((k) => (
              <tr key={k.id}><td><Told text={k.name || k.id} /></td><td class="mono">{(k.scopes ?? []).join(", ")}</td><td><Time at={k.created} /></td><td>{k.expires ? <Time at={k.expires} /> : t.settings.never}</td>
                <td>{k.revoked ? <Chip>{t.settings.revoked}</Chip> : may("admin:write") && <Button onClick={() => { sure.value = k; }}>{t.settings.revoke}</Button>}</td></tr>
            ))}</tbody>
          </table>
        </div>
      ))}</Show>
      {may("admin:write") && (
        <form class="body row" onSubmit={create}>
          <input name="name" aria-label={t.settings.name} placeholder={t.settings.name} maxLength={80} required class="auto" autoComplete="off" />
          <select name="scopes" aria-label={t.settings.scopes} class="auto">{Object.entries(t.settings.scope).reverse().map(([v, text]) => <option key={v} value={v}>{text}</option>)}</select>
          <select name="ttl" aria-label={t.settings.expires} class="auto"><option value="24h">{t.rollout.hours(24)}</option><option value="720h">{t.rollout.days(30)}</option><option value="8760h">{t.rollout.days(365)}</option></select>
          <Button type="submit" icon="plus">{t.settings.create}</Button>
        </form>
      )}
      {sure.value && (
        <Dialog title={t.settings.revoke} onClose={() => { sure.value = null; }}>
          <p>{t.settings.sure}</p>
          <div class="actions end"><Button onClick={() => { sure.value = null; }}>{t.act.cancel}</Button>
            <Button kind="danger" onClick={() => void doing(() => del(`api-tokens/${sure.value!.id}`), t.settings.revoked).then(() => { sure.value = null; changed("api-tokens"); })}>{t.settings.revoke}</Button></div>
        </Dialog>
      )}
    </Section>
  );
}

function Channels() {
  const list = useData("channels", (s) => get<PageOf<Channel>>("channels", undefined, s), { every: 15, on: ["messages"] });
  const messages = useData("messages", (s) => get<PageOf<Message>>("messages", { limit: 50 }, s), { every: 15, on: ["messages"] });
  const write = may("channels:write") || may("admin:write");
  return (
    <div class="stack">
      <Section title={t.settings.channels}>
        <Show of={list} what={t.settings.channels}>{(p) => (p.items.length === 0 ? <div class="body"><Note kind="warn">{t.settings.noChannels}</Note></div> : (
          <ul class="lines padded">{p.items.map((c) => (
            <li key={c.name} class="row spread">
              <span class="grow"><strong><Told text={c.name} /></strong> <Told text={c.type} /> <Chip kind={c.error ? "bad" : "good"} icon={c.error ? "high" : "check"}>{c.error ? t.reaction.states["failed"] : t.overview.ok}</Chip>
                <br /><small>{t.message.counts(c.sent ?? 0, c.waiting ?? 0, c.dead ?? 0)}, {t.message.from((t.severity[c.min_severity ?? ""] ?? "").toLowerCase())}{c.last_sent && <>, <Time at={c.last_sent} /></>} {c.error && <Told text={c.error} />}</small></span>
              {write && <Button onClick={() => void doing(() => post(`channels/${encodeURIComponent(c.name ?? "")}/test`), t.settings.tested).then(() => changed("messages"))}>{t.settings.test}</Button>}
            </li>
          ))}</ul>
        ))}</Show>
      </Section>
      <Section title={t.message.title}>
        <Show of={messages} what={t.message.title}>{(p) => (p.items.length === 0 ? <Empty icon="clock">{t.message.none}</Empty> : (
          <div class="table-wrap" tabIndex={0} role="region" aria-label={t.message.title}>
            <table>
              <thead><tr><th>{t.settings.when}</th><th>{t.message.channel}</th><th>{t.message.event}</th><th>{t.reactions.state}</th><th class="num">{t.message.tries}</th><th><span class="unseen">{t.message.retry}</span></th></tr></thead>
              <tbody>{p.items.map((m) => (
                <tr key={m.number}><td class="nowrap"><Time at={m.created} /></td><td><Told text={m.channel} /></td><td>{m.alert ? <a href={link.alert(m.alert)}>{t.message.events[m.event ?? ""] ?? m.event}</a> : t.message.events[m.event ?? ""] ?? m.event}</td>
                  <td><Chip kind={m.status === "dead" ? "bad" : m.status === "sent" ? "good" : ""}>{t.message.states[m.status ?? ""] ?? m.status}</Chip> {m.error && <small><Told text={m.error} /></small>}</td><td class="num">{m.tries}</td>
                  <td>{m.status === "dead" && write && <Button onClick={() => void doing(() => post(`messages/${m.number}/retry`), t.message.retried).then(() => changed("messages"))}>{t.message.retry}</Button>}</td></tr>
              ))}</tbody>
            </table>
          </div>
        ))}</Show>
      </Section>
    </div>
  );
}

type Verified = { whole: boolean; rows: number; broken_at?: number; head: string };

function Audit() {
  const pages = useSignal(1);
  const verified = useSignal<Verified | null>(null);
  const list = useData(`audit ${pages.value}`, async (s) => {
    const items: AuditRow[] = [];
    let cursor: string | null = null;
    for (let i = 0; i < pages.value; i++) {
      const p: PageOf<AuditRow> = await get<PageOf<AuditRow>>("audit", { limit: 100, cursor }, s);
      items.push(...p.items);
      cursor = p.next_cursor;
      if (!cursor) break;
    }
    return { items, more: cursor !== null };
  }, { on: ["audit"] });
  const v = verified.value;
  return (
    <Section title={t.settings.audit} aside={<Button icon="check" onClick={() => void doing(async () => { verified.value = await get<Verified>("audit/verify"); }, t.act.done)}>{t.settings.verify}</Button>}>
      {v && <div class="body"><Note kind={v.whole ? "good" : "bad"}><p>{v.whole ? t.settings.verified : t.settings.broken(v.broken_at ?? 0)}</p><small class="mono">{v.rows.toLocaleString()} · {v.head}</small></Note></div>}
      <Show of={list} what={t.settings.audit}>{({ items, more }) => (
        <>
          <div class="table-wrap" tabIndex={0} role="region" aria-label={t.settings.audit}>
            <table>
              <thead><tr><th class="num">#</th><th>{t.settings.when}</th><th>{t.settings.who}</th><th>{t.settings.did}</th><th>{t.settings.subject}</th></tr></thead>
              <tbody>{items.map((r) => <tr key={r.number}><td class="num">{r.number}</td><td class="nowrap"><Time at={r.time} exact /></td><td><Told text={r.actor} /></td><td><Told text={r.action} /></td><td class="told-cell"><Told text={r.subject} mono /> <small><Told text={r.detail === "{}" ? "" : r.detail} mono /></small></td></tr>)}</tbody>
            </table>
          </div>
          {more && <div class="body"><Button onClick={() => { pages.value++; }}>{t.act.more}</Button></div>}
        </>
      )}</Show>
    </Section>
  );
}

function OptionList() {
  const list = useData("settings", (s) => get<Options>("settings", undefined, s));
  return (
    <Section title={t.settings.options}>
      <div class="body"><p class="muted">{t.settings.optionsHint}</p></div>
      <Show of={list} what={t.settings.options}>{(o) => (
        <div class="table-wrap" tabIndex={0} role="region" aria-label={t.settings.options}>
          <table>
            <thead><tr><th>{t.settings.option}</th><th>{t.settings.value}</th><th>{t.settings.about}</th></tr></thead>
            <tbody>{Object.entries(o).flatMap(([section, rows]) => Object.entries(rows).map(([name, x]) => (
              <tr key={`${section}.${name}`}><th scope="row" class="mono">[{section}] {name}</th><td class="mono">{x.value === x.default ? <Told text={x.value || "–"} /> : <strong><Told text={x.value || "–"} /></strong>}</td><td>{x.help}{x.value !== x.default && <small> {t.settings.standard}: <Told text={x.default || "–"} mono /></small>}</td></tr>
            )))}</tbody>
          </table>
        </div>
      )}</Show>
    </Section>
  );
}
