// SPDX-License-Identifier: GPL-2.0-or-later
// querybar - the query language with completion, and its errors where they are.
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { ApiError } from "../api";
import { actions, fields, type FieldSet } from "../fields.gen";
import { quoted } from "../format";
import { t } from "../text";
import { Icon } from "./icon";

type Choice = { text: string; help: string };

// The word under the cursor: what completion replaces.
function wordAt(text: string, at: number): [number, string] {
  let i = at;
  while (i > 0 && !/[\s()]/.test(text[i - 1]!)) i--;
  return [i, text.slice(i, at)];
}

function choices(set: FieldSet, word: string, values: Record<string, string[]>): Choice[] {
  const colon = word.indexOf(":");
  if (colon < 0) {
    const w = word.toLowerCase();
    if (!w) return [];
    const hit = fields[set].filter(([name]) => name.toLowerCase().includes(w));
    hit.sort((a, b) => rankOf(a[0], w) - rankOf(b[0], w) || a[0].length - b[0].length);
    return hit.slice(0, 9).map(([name, help]) => ({ text: `${name}:`, help }));
  }
  const name = word.slice(0, colon), part = word.slice(colon + 1).replace(/^"/, "").toLowerCase();
  const known = (name === "event.action" || name === "action") && set === "events" ? actions : values[name];
  return (known ?? []).filter((v) => v.toLowerCase().includes(part) && v.toLowerCase() !== part).slice(0, 9)
    .map((v) => ({ text: `${name}:${quoted(v)} `, help: "" }));
}
const rankOf = (name: string, w: string) => (name.toLowerCase().startsWith(w) ? 0 : name.toLowerCase().split(".").some((p) => p.startsWith(w)) ? 1 : 2);

export function QueryBar({ set, value, onRun, error, values = {}, placeholder, id = "query" }: {
  set: FieldSet; value: string; onRun: (q: string) => void; error?: unknown; values?: Record<string, string[]>; placeholder: string; id?: string;
}) {
  const input = useRef<HTMLInputElement>(null);
  const text = useSignal(value);
  const open = useSignal<Choice[]>([]);
  const at = useSignal(-1);
  useEffect(() => { text.value = value; }, [value]);

  const complete = () => {
    const el = input.current!;
    const [, word] = wordAt(el.value, el.selectionStart ?? el.value.length);
    open.value = choices(set, word, values);
    at.value = -1;
  };
  const take = (c: Choice) => {
    const el = input.current!, end = el.selectionStart ?? el.value.length;
    const [start] = wordAt(el.value, end);
    text.value = el.value.slice(0, start) + c.text + el.value.slice(end);
    el.value = text.value;
    el.setSelectionRange(start + c.text.length, start + c.text.length);
    el.focus();
    complete();
  };
  const key = (e: KeyboardEvent) => {
    const n = open.value.length;
    if (e.key === "ArrowDown" && n) { at.value = (at.value + 1) % n; e.preventDefault(); }
    else if (e.key === "ArrowUp" && n) { at.value = (at.value - 1 + n) % n; e.preventDefault(); }
    else if (e.key === "Tab" && n && !e.shiftKey) { take(open.value[Math.max(0, at.value)]!); e.preventDefault(); }
    else if (e.key === "Enter") {
      e.preventDefault();
      if (at.value >= 0) take(open.value[at.value]!);
      else { open.value = []; onRun(text.value.trim()); }
    } else if (e.key === "Escape") {
      if (n) open.value = [];
      else input.current?.blur();
      e.stopPropagation();
    }
  };
  const p = error instanceof ApiError && error.isTyped ? error.problem : undefined;
  const list = `${id}-choices`;
  return (
    <div class="querybar">
      <div class={`query ${p ? "wrong" : ""}`}>
        <Icon name="search" />
        <input ref={input} id={id} data-search type="text" role="combobox" aria-autocomplete="list" aria-expanded={open.value.length > 0} aria-controls={list}
          aria-activedescendant={at.value >= 0 ? `${list}-${at.value}` : undefined} aria-label={t.query.label} aria-invalid={p ? true : undefined}
          aria-describedby={p ? `${id}-error` : undefined} placeholder={placeholder} spellcheck={false} autoComplete="off" autoCapitalize="off" value={text.value}
          onInput={(e) => { text.value = e.currentTarget.value; complete(); }} onKeyDown={key} onBlur={() => setTimeout(() => { open.value = []; }, 150)} />
        {text.value && <button type="button" class="button quiet" aria-label={t.act.clear} title={t.act.clear} onClick={() => { text.value = ""; onRun(""); input.current?.focus(); }}><Icon name="close" /></button>}
        <button type="button" class="button primary" onClick={() => { open.value = []; onRun(text.value.trim()); }}>{t.act.search}</button>
      </div>
      <ul id={list} class="choices" role="listbox" aria-label={t.query.choices} hidden={open.value.length === 0}>
        {open.value.map((c, i) => (
          <li key={c.text} id={`${list}-${i}`} role="option" aria-selected={i === at.value} onMouseDown={(e) => { e.preventDefault(); take(c); }}>
            <span class="mono">{c.text.trim()}</span><small>{c.help}</small>
          </li>
        ))}
      </ul>
      {p && <QueryError id={`${id}-error`} query={p.query ?? value} column={p.column} detail={p.detail ?? ""} />}
    </div>
  );
}

function QueryError({ id, query, column, detail }: { id: string; query: string; column?: number; detail: string }) {
  const c = column ? Math.max(0, column - 1) : -1;
  return (
    <div class="query-error" id={id} role="alert">
      {c >= 0 && <pre tabIndex={0}>{query.slice(0, c)}<mark>{query.slice(c) || "␣"}</mark></pre>}
      <p>{column ? t.query.at(column) : ""} {detail}</p>
    </div>
  );
}
