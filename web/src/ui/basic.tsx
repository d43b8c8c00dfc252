// SPDX-License-Identifier: GPL-2.0-or-later
// basic - the small pieces every screen is made of.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ApiError } from "../api";
import type { Loaded } from "../data";
import { ago, dateTime, plain } from "../format";
import { copy } from "../say";
import { t } from "../text";
import { Icon } from "./icon";

// Severity is never colour alone: a shape and a word say it too.
export function Severity({ of, short }: { of: string; short?: boolean }) {
  const word = t.severity[of] ?? of;
  return <span class={`sev sev-${of}`} title={word}><Icon name={of} /><span class={short ? "unseen" : ""}>{word}</span></span>;
}

export function Chip({ kind = "", icon, children, title }: { kind?: string; icon?: string; children: ComponentChildren; title?: string }) {
  return <span class={`chip ${kind && `chip-${kind}`}`} title={title}>{icon && <Icon name={icon} size={14} />}{children}</span>;
}

export function Time({ at, exact }: { at: string | number | undefined | null; exact?: boolean }) {
  const v = typeof at === "number" ? new Date(at).toISOString() : at ?? undefined;
  if (!v) return <span>–</span>;
  return <time dateTime={v} title={dateTime(v)}>{exact ? dateTime(v) : ago(v)}</time>;
}

// Text from a host: kept apart from its surroundings, so that it cannot turn what is around it.
export function Told({ text, mono, class: c = "" }: { text: unknown; mono?: boolean; class?: string }) {
  return <bdi class={`told ${mono ? "mono" : ""} ${c}`}>{plain(text)}</bdi>;
}

type ButtonProps = {
  onClick?: (e: MouseEvent) => void; icon?: string; kind?: "primary" | "danger" | "quiet" | ""; children?: ComponentChildren; label?: string;
  disabled?: boolean; busy?: boolean; title?: string; keys?: string; type?: "button" | "submit"; pressed?: boolean; id?: string; expanded?: boolean; autoFocus?: boolean;
};
export function Button({ onClick, icon, kind = "", children, label, disabled, busy, title, keys, type = "button", pressed, id, expanded, autoFocus }: ButtonProps) {
  const me = useRef<HTMLButtonElement>(null);
  // What comes into a dialog that is open already gets no focus by an attribute.
  useEffect(() => { if (autoFocus) me.current?.focus(); }, []);
  return (
    <button ref={me} id={id} type={type} class={`button ${kind}`} onClick={onClick} disabled={disabled || busy} aria-busy={busy || undefined}
      aria-label={label} title={title ?? (keys && label ? `${label} (${keys})` : keys ? `(${keys})` : label)} aria-pressed={pressed}
      aria-keyshortcuts={keys} aria-expanded={expanded}>
      {icon && <Icon name={icon} />}{children && <span>{children}</span>}{keys && children && <kbd aria-hidden="true">{keys}</kbd>}
    </button>
  );
}

export function Note({ kind = "info", children }: { kind?: "info" | "warn" | "bad" | "good"; children: ComponentChildren }) {
  return <div class={`note note-${kind}`}><Icon name={kind === "good" ? "ok" : kind === "info" ? "low" : "high"} /><div>{children}</div></div>;
}

export function Empty({ children, icon = "ok" }: { children: ComponentChildren; icon?: string }) {
  return <div class="empty"><Icon name={icon} size={28} /><div>{children}</div></div>;
}

// What is there, or why not: one shape for every list and screen.
export function Show<T>({ of, what, children, lines = 3 }: {
  of: Loaded<T> & { again: () => void }; what: string; children: (data: T) => ComponentChildren; lines?: number;
}) {
  const typed = of.why instanceof ApiError && of.why.isTyped;
  if (typed && of.data === undefined) return null;
  if (of.data === undefined && of.error)
    return <Note kind="bad"><p>{t.error.failed(what, of.error)}</p><Button onClick={of.again}>{t.error.again}</Button></Note>;
  if (of.data === undefined)
    return <div class="waiting" role="status" aria-label={what}>{Array.from({ length: lines }, (_, i) => <span key={i} class="skeleton" />)}</div>;
  return <>{of.error && !typed && <Note kind="warn">{t.error.failed(what, of.error)}</Note>}{children(of.data)}</>;
}

export function Section({ title, aside, children, class: c = "", id }: {
  title: ComponentChildren; aside?: ComponentChildren; children: ComponentChildren; class?: string; id?: string;
}) {
  return (
    <section class={`card ${c}`} aria-labelledby={id}>
      <header><h2 id={id}>{title}</h2>{aside && <div class="aside">{aside}</div>}</header>
      {children}
    </section>
  );
}

export function Facts({ rows }: { rows: [ComponentChildren, ComponentChildren][] }) {
  return <dl class="facts">{rows.map(([k, v], i) => <div key={i}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>;
}

export function Field({ label, hint, children }: { label: string; hint?: string; children: ComponentChildren }) {
  return <div class="field"><label><span>{label}</span>{children}</label>{hint && <small>{hint}</small>}</div>;
}

export function Meter({ value, label }: { value: number; label: string }) {
  const v = Math.max(0, Math.min(1, value || 0));
  return (
    <span class="meter" role="meter" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(v * 100)} aria-label={label} title={label}>
      <span style={{ width: `${v * 100}%` }} class={v >= 0.99 ? "full" : ""} />
    </span>
  );
}

export function Code({ text, label = t.act.copy }: { text: string; label?: string }) {
  return (
    <div class="code"><pre tabIndex={0}><code>{text}</code></pre>
      <Button icon="copy" kind="quiet" label={label} onClick={() => copy(text)} /></div>
  );
}

export function Tabs({ items, current, onPick, label }: { items: [string, ComponentChildren][]; current: string; onPick: (id: string) => void; label: string }) {
  return (
    <div class="tabs" role="group" aria-label={label}>
      {items.map(([id, text]) => <button key={id} type="button" aria-pressed={id === current} onClick={() => onPick(id)}>{text}</button>)}
    </div>
  );
}
