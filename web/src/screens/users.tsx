// SPDX-License-Identifier: GPL-2.0-or-later
// users - who may do what: oneself, the others, and the tokens that stand for them.
import { useSignal } from "@preact/signals";
import type { ApiToken, User } from "../api.gen";
import { del, get, may, patch, post, session, type PageOf } from "../api";
import { changed, useData } from "../data";
import { doing, say } from "../say";
import { t } from "../text";
import { Button, Chip, Code, Empty, Field, Note, Section, Show, Time, Told } from "../ui/basic";
import { Dialog, Sure } from "../ui/dialog";
import { PasswordForm } from "./login";

// One's own password and second factor.
export function Mine() {
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

export function Users() {
  const list = useData("users", (s) => get<PageOf<User>>("users", undefined, s), { on: ["users"] });
  const made = useSignal<User | null>(null);
  const sure = useSignal<User | null>(null);
  const create = async (e: Event) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement, f = new FormData(form);
    if (await doing(async () => { made.value = await post<User>("users", { name: String(f.get("name")).trim(), role: String(f.get("role")) }); })) form.reset();
    changed("users", "audit");
  };
  const change = (u: User, body: Record<string, unknown>) => doing(async () => { const r = await patch<User>(`users/${encodeURIComponent(u.name!)}`, body); made.value = r.password ? r : null; }, t.settings.changed).then(() => changed("users", "audit"));
  return (
    <Section title={t.settings.users}>
      {made.value?.password && <div class="body"><Note kind="good"><p>{t.settings.oneTime(made.value.name ?? "")}</p><Code text={made.value.password} /></Note></div>}
      <Show of={list} what={t.settings.users}>{(p) => (
        <div class="table-wrap" tabIndex={0} role="region" aria-label={t.settings.users}>
          <table class="middle stacked">
            <thead><tr><th>{t.settings.user}</th><th>{t.settings.role}</th><th>{t.settings.second}</th><th>{t.settings.last}</th><th><span class="unseen">{t.act.more}</span></th></tr></thead>
            <tbody>{p.items.map((u) => (
              <tr key={u.name}><td><Told text={u.name} /> {u.disabled && <Chip kind="bad">{t.settings.disabled}</Chip>} {u.must_change && <Chip>{t.settings.mustChange}</Chip>}</td>
                <td data-label={t.settings.role}>{may("admin:write") && u.name !== session.value?.user ? <select class="auto" aria-label={`${t.settings.role}: ${u.name}`} value={u.role} onChange={(e) => void change(u, { role: e.currentTarget.value })}>{roles.map((r) => <option key={r}>{r}</option>)}</select> : u.role}</td>
                <td data-label={t.settings.second}>{u.totp ? t.act.yes : t.act.no}</td><td data-label={t.settings.last}><Time at={u.last_login} /></td>
                <td><span class="row tight">{may("admin:write") && u.name !== session.value?.user && <><Button onClick={() => void change(u, { reset: true })}>{t.settings.reset}</Button><Button onClick={() => void change(u, { disabled: !u.disabled })}>{u.disabled ? t.settings.enable : t.settings.disable}</Button>
                  <Button kind="danger" onClick={() => { sure.value = u; }}>{t.act.remove}</Button></>}</span></td></tr>
            ))}</tbody>
          </table>
        </div>
      )}</Show>
      {may("admin:write") && (
        <form class="body row" onSubmit={create}>
          <input name="name" aria-label={t.settings.user} placeholder={t.settings.user} maxLength={64} required class="auto" autoComplete="off" />
          <select name="role" aria-label={t.settings.role} class="auto">{roles.map((r) => <option key={r}>{r}</option>)}</select>
          <Button type="submit" icon="plus">{t.settings.userAdd}</Button>
        </form>
      )}
      {sure.value && (
        <Sure title={t.act.remove} says={t.settings.sureUser(sure.value.name ?? "")} go={t.act.remove} onClose={() => { sure.value = null; }}
          onSure={() => doing(() => del(`users/${encodeURIComponent(sure.value!.name!)}`), t.settings.userGone).then(() => changed("users", "audit"))} />
      )}
    </Section>
  );
}

export function Tokens() {
  const list = useData("api tokens", (s) => get<PageOf<ApiToken>>("api-tokens", undefined, s), { on: ["api-tokens"] });
  const made = useSignal<ApiToken | null>(null);
  const sure = useSignal<ApiToken | null>(null);
  const create = async (e: Event) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement, f = new FormData(form);
    if (await doing(async () => { made.value = await post<ApiToken>("api-tokens", { name: String(f.get("name")).trim(), scopes: String(f.get("scopes")), ttl: String(f.get("ttl")) }); })) form.reset();
    changed("api-tokens");
  };
  return (
    <Section title={t.settings.tokens}>
      {made.value?.token && <div class="body"><Note kind="good"><p>{t.settings.made}</p><Code text={made.value.token} /></Note></div>}
      <Show of={list} what={t.settings.tokens}>{(p) => (p.items.length === 0 ? <Empty icon="user">{t.settings.noTokens}</Empty> : (
        <div class="table-wrap" tabIndex={0} role="region" aria-label={t.settings.tokens}>
          <table class="middle stacked">
            <thead><tr><th>{t.settings.name}</th><th>{t.settings.scopes}</th><th>{t.settings.created}</th><th>{t.settings.expires}</th><th><span class="unseen">{t.settings.revoke}</span></th></tr></thead>
            <tbody>{p.items.map((k) => (
              <tr key={k.id}><td><Told text={k.name || k.id} /></td><td class="mono" data-label={t.settings.scopes}>{(k.scopes ?? []).join(", ")}</td><td data-label={t.settings.created}><Time at={k.created} /></td><td data-label={t.settings.expires}>{k.expires ? <Time at={k.expires} /> : t.settings.never}</td>
                <td>{may("admin:write") && <Button onClick={() => { sure.value = k; }}>{t.settings.revoke}</Button>}</td></tr>
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
        <Sure title={t.settings.revoke} says={t.settings.sure} go={t.settings.revoke} onClose={() => { sure.value = null; }}
          onSure={() => doing(() => del(`api-tokens/${sure.value!.id}`), t.settings.revoked).then(() => { made.value = null; changed("api-tokens"); })} />
      )}
    </Section>
  );
}
