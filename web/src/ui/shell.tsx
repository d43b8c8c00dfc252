// SPDX-License-Identifier: GPL-2.0-or-later
// shell - what surrounds every screen: where one is, what mode DaemonSec is in, whether what is shown is fresh.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { t } from "../text";
import { confirm, confirming, online, session, signOut, signedIn } from "../api";
import { announced, live } from "../data";
import { utc } from "../format";
import { useKeys } from "../keys";
import { doing } from "../say";
import { status } from "../state";
import { theme, type Theme } from "../theme";
import { go, parts, path } from "../url";
import { Button, Chip, Field, Note } from "./basic";
import { Dialog } from "./dialog";
import { Icon } from "./icon";

export const screens: [string, string][] = [
  ["overview", "/"], ["alerts", "/alerts"], ["events", "/events"], ["fleet", "/fleet"], ["daemons", "/daemons"],
  ["reactions", "/reactions"], ["models", "/models"], ["rollout", "/rollout"], ["settings", "/settings"],
];
const words = t.nav as Record<string, string>;
const belongs: Record<string, string> = { "": "overview", hosts: "fleet" };
const current = () => { const first = path.value.split("/")[1] ?? ""; return belongs[first] ?? first; };

export function Mode() {
  const s = status.value;
  if (!s) return null;
  const kind = s.mode === "monitor" ? "accent" : "warn";
  return (
    <>
      <a href="/reactions" title={t.mode[`${s.mode}Long`]}><Chip kind={kind} icon={s.mode === "monitor" ? "search" : "reactions"}>{t.mode[s.mode]}</Chip></a>
      {s.paused && <Chip kind="bad" icon="pause">{t.mode.paused}</Chip>}
    </>
  );
}

function Freshness() {
  const state = !online.value ? "down" : live.value;
  return (
    <span class="row tight" title={state === "down" ? t.error.offlineLong : undefined}>
      <span class={`dot ${state === "down" ? "bad" : state === "waiting" ? "" : "on"}`} /><span class="muted">{t.live[state]}</span>
    </span>
  );
}

// Asks for the password again, for what reaches far.
function Confirm() {
  const failed = useSignal("");
  const submit = async (e: Event) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    try {
      await confirm(String(f.get("password") ?? ""), String(f.get("totp") ?? ""));
      confirming.value?.(true);
    } catch (x) {
      failed.value = (x as Error).message;
    }
  };
  const no = () => confirming.value?.(false);
  return (
    <Dialog title={t.login.confirm} onClose={no}>
      <form class="stack" onSubmit={submit}>
        <p>{t.login.confirmWhy}</p>
        <Field label={t.login.password}><input name="password" type="password" autoComplete="current-password" required autoFocus /></Field>
        {session.value?.totp && <Field label={t.login.code}><input name="totp" inputMode="numeric" autoComplete="one-time-code" required /></Field>}
        {failed.value && <div role="alert"><Note kind="bad">{failed.value}</Note></div>}
        <div class="actions end"><Button onClick={no}>{t.act.cancel}</Button><Button type="submit" kind="primary">{t.act.yes}</Button></div>
      </form>
    </Dialog>
  );
}

export function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t.keys.title} onClose={onClose}>
      <dl class="facts">{t.keys.rows.map(([k, v]) => <div key={k}><dt><kbd>{k}</kbd></dt><dd>{v}</dd></div>)}</dl>
    </Dialog>
  );
}

function Rail({ open, onClose }: { open: boolean; onClose: () => void }) {
  const here = current();
  const badges: Record<string, number | undefined> = { alerts: status.value?.counts.alerts.open };
  const hosts = status.value?.counts.hosts;
  return (
    <div class={`rail ${open ? "open" : ""}`} onClick={(e) => { if ((e.target as Element).closest("a")) onClose(); }}>
      <a class="brand" href="/"><img src="/favicon.svg" alt="" />{t.name}</a>
      <nav aria-label={t.nav.label}>
        {screens.map(([id, href]) => (
          <a key={id} href={href} aria-current={here === id ? "page" : undefined}>
            <Icon name={id} />{words[id]}
            {badges[id] ? <span class="badge hot">{badges[id]}</span> : id === "rollout" && hosts?.pending ? <span class="badge">{hosts.pending}</span> : null}
          </a>
        ))}
      </nav>
      <div class="foot">
        <label class="stack-tight"><small>{t.theme.label}</small>
          <select value={theme.value} onChange={(e) => { theme.value = e.currentTarget.value as Theme; }}>
            {(["auto", "light", "dark"] as const).map((x) => <option key={x} value={x}>{t.theme[x]}</option>)}
          </select></label>
        <Button kind="quiet" icon="clock" onClick={() => { utc.value = !utc.value; }}>{utc.value ? t.zone.utc : t.zone.local}</Button>
        <small>{who()}</small>
        <Button kind="quiet" icon="off" onClick={() => void doing(signOut)}>{t.login.out}</Button>
      </div>
    </div>
  );
}

function who() {
  const s = session.value;
  if (signedIn.value !== "session" || !s) return t.login.byToken;
  return t.login.as(s.user, s.role ?? "");
}

export function Shell({ children }: { children: ComponentChildren }) {
  const menu = useSignal(false);
  const help = useSignal(false);
  const main = useRef<HTMLElement>(null);
  const goKeys: Record<string, string> = { o: "/", a: "/alerts", v: "/events", f: "/fleet", r: "/reactions", m: "/models", d: "/daemons", l: "/rollout", s: "/settings" };
  useKeys({
    "?": () => { help.value = true; },
    g: () => {},
    "/": () => document.querySelector<HTMLElement>("[data-search]")?.focus(),
    ...Object.fromEntries(Object.entries(goKeys).map(([k, to]) => [`g ${k}`, () => go(to)])),
  });
  // A new screen begins at its top, for those who hear it too.
  useEffect(() => {
    main.current?.focus({ preventScroll: true });
    document.title = `${words[current()] ?? t.error.nothing} – ${t.name}`;
    return () => { document.title = t.name; };
  }, [current()]);
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>{t.skip}</a>
      <Rail open={menu.value} onClose={() => { menu.value = false; }} />
      {menu.value && <button class="scrim" aria-label={t.act.close} onClick={() => { menu.value = false; }} />}
      <div class="main">
        <div class="bar">
          <span class="menu"><Button kind="quiet" icon="menu" label={t.nav.menu} expanded={menu.value} onClick={() => { menu.value = !menu.value; }} /></span>
          {parts.value.length > 1 ? <a class="up" href={screens.find(([id]) => id === current())?.[1] ?? "/"}>{words[current()] ?? t.name}</a> : <strong class="at">{words[current()] ?? t.name}</strong>}
          <div class="state"><Freshness /><Mode /><Button kind="quiet" icon="help" label={t.keys.open} keys="?" onClick={() => { help.value = true; }} /></div>
        </div>
        {!online.value && <div class="banner" role="alert"><Icon name="high" />{t.error.offlineLong}</div>}
        <main id="main" ref={main} tabIndex={-1}>{children}</main>
      </div>
      <div class="unseen" aria-live="assertive">{announced.value}</div>
      {confirming.value && <Confirm />}
      {help.value && <Keys onClose={() => { help.value = false; }} />}
    </div>
  );
}
