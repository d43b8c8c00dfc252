// SPDX-License-Identifier: GPL-2.0-or-later
// events - everything that was seen: asked for, counted over time, followed live, gone on from.
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { all, get, lines, pages, query as toQuery, type PageOf } from "../api";
import { kept, useData } from "../data";
import { clock, cut, dateTime, ms, plain, term } from "../format";
import { useKeys } from "../keys";
import { text, type Doc } from "../model";
import { fields } from "../fields.gen";
import { doing, save, say } from "../say";
import { t } from "../text";
import { link, param, setParams, withParams } from "../url";
import { Button, Chip, Empty, Note, Section, Show, Told } from "../ui/basic";
import { Bars, bucketsOf, fill } from "../ui/bars";
import { objectOf, Values } from "../ui/event";
import { QueryBar } from "../ui/querybar";
import { Views } from "../ui/views";

type Search = { complete?: boolean; stopped?: string | null; read?: number; excluded?: number };
type Page = PageOf<Doc> & { search?: Search };
type Histogram = { since: string; until: string; buckets: number[]; search: Search };

const spans: Record<string, number> = { "15m": 900, "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000 };
const STEP = 100, LIVE = 500, EXPORT = 10000, BUCKETS = 80;
const shown = kept<string[]>("events.columns", ["host.name", "service.name", "event.action"]);

// The range: so long until now, or two ends.
function range() {
  const since = param("since") || "1h", until = param("until");
  if (spans[since] && !until) return { key: since, since: `now-${since === "7d" ? "168h" : since === "30d" ? "720h" : since}`, until: "", from: Date.now() - spans[since]! * 1000, to: Date.now() };
  const to = until ? ms(until) : Date.now();
  return { key: `${since} ${until}`, since, until, from: ms(since) || to - 3600e3, to };
}

export function Events() {
  const q = param("q"), tail = param("live") === "1", r = range();
  const shownPages = useSignal(1);
  const key = `${q} ${r.key}`;
  useEffect(() => { shownPages.value = 1; }, [key]);
  const list = useData(`events ${key} ${shownPages.value}`, async (signal) => {
    let search: Search = {}, read = 0, excluded = 0;
    const found = await pages<Doc, Page>("events", { q, since: r.since, until: r.until, limit: STEP }, shownPages.value, signal, (page) => {
      search = page.search ?? {};
      read += search.read ?? 0;
      excluded += search.excluded ?? 0;
    });
    return { ...found, search: { ...search, read, excluded } };
  }, { skip: tail });
  const counts = useData(`histogram ${key}`, (signal) => get<Histogram>("events/histogram", { q, since: r.since, until: r.until, buckets: BUCKETS }, signal),
    { skip: tail });
  const names = useData("names", async (signal) => {
    const [hosts, daemons] = await Promise.all([get<PageOf<{ name: string }>>("hosts", { limit: 500 }, signal), get<PageOf<{ name: string }>>("daemons", { limit: 1000 }, signal)]);
    const h = hosts.items.map((x) => x.name), d = [...new Set(daemons.items.map((x) => x.name))];
    return { "host.name": h, host: h, "service.name": d, daemon: d } as Record<string, string[]>;
  });
  return (
    <div class="screen">
      <div class="screen-head"><h1>{t.events.title}</h1>
        <select aria-label={t.events.range} value={spans[r.key] ? r.key : "custom"} onChange={(e) => setParams({ since: e.currentTarget.value, until: "" }, false)} class="auto">
          {Object.keys(spans).map((s) => <option key={s} value={s}>{t.events.spans[s]}</option>)}
          {!spans[r.key] && <option value="custom" disabled>{t.events.custom(dateTime(r.from), dateTime(r.to))}</option>}
        </select>
        <Button icon={tail ? "pause" : "play"} pressed={tail} onClick={() => setParams({ live: tail ? "" : "1" }, false)}>{tail ? t.events.stop : t.events.live}</Button>
        <Columns />
        <Views of="events" title={t.events.saved} here={link.events(q, param("since"), param("until"))} />
        {!tail && <Export q={q} since={r.since} until={r.until} />}
      </div>
      <QueryBar set="events" value={q} error={list.why} values={names.data} placeholder={t.query.events} onRun={(v) => setParams({ q: v }, false)} />
      {tail ? <Tail q={q} /> : (
        <>
          <Section title={t.events.histogram} aside={counts.data && <span>{counts.data.buckets.reduce((a, b) => a + b, 0).toLocaleString()} {t.events.counted}{counts.data.search.complete === false && `, ${t.events.partial}`}</span>}>
            <div class="body"><Overtime counts={counts.data} items={list.data?.items ?? []} from={r.from} to={r.to} /></div>
          </Section>
          <Show of={list} what={t.events.title} lines={8}>{({ items, more, search }) => (
            <section class="card">
              {items.length === 0 ? <Empty icon="search">{q ? t.events.none : t.events.nothing}</Empty> : <Rows items={items} />}
              <div class="body row spread">
                <small>{t.events.cost(items.length, search.read ?? 0, search.excluded ?? 0)}{search.stopped && search.stopped !== "limit" ? ` (${t.events.stopped[search.stopped] ?? search.stopped})` : ""}</small>
                {more && <Button onClick={() => { shownPages.value++; }}>{t.events.more}</Button>}
              </div>
            </section>
          )}</Show>
        </>
      )}
    </div>
  );
}

function Overtime({ counts, items, from, to }: { counts?: Histogram; items: Doc[]; from: number; to: number }) {
  const buckets = bucketsOf(counts ? ms(counts.since) : from, counts ? ms(counts.until) : to, BUCKETS);
  if (counts) counts.buckets.forEach((n, i) => { if (n && buckets[i]) buckets[i]!.parts["bar"] = n; });
  else for (const d of items) fill(buckets, ms(text(d, "@timestamp")), "bar");
  return <Bars buckets={buckets} parts={[["bar", t.events.counted]]} height={92} label={t.events.histogram}
    onPick={(a, b) => setParams({ since: new Date(a).toISOString(), until: new Date(b).toISOString() }, false)} />;
}

function Rows({ items, live }: { items: Doc[]; live?: boolean }) {
  const open = useSignal("");
  const at = useSignal(-1);
  const box = useRef<HTMLTableSectionElement>(null);
  const keyOf = (d: Doc, i: number) => (live ? String(d["#"]) : String(i));
  const move = (by: number) => {
    at.value = Math.max(0, Math.min(items.length - 1, at.value + by));
    box.current?.querySelectorAll("tr.pick")[at.value]?.scrollIntoView({ block: "nearest" });
  };
  useKeys({
    j: () => move(1), k: () => move(-1),
    Enter: () => { const d = items[at.value]; if (d) { const k = keyOf(d, at.value); open.value = open.value === k ? "" : k; } },
    Escape: () => { open.value = ""; },
  });
  const columns = shown.value;
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.events.title}>
      <table class="events">
        <thead><tr><th>{t.events.time}</th>{columns.map((c) => <th key={c} class="mono">{c}</th>)}<th>{t.events.what}</th></tr></thead>
        <tbody ref={box}>
          {items.map((d, i) => {
            const k = keyOf(d, i), isOpen = open.value === k;
            return [
              <tr key={k} class="pick" aria-selected={i === at.value || isOpen || undefined}
                onClick={(e) => { if (!(e.target as Element).closest("a,button")) { at.value = i; open.value = isOpen ? "" : k; } }}>
                <td class="nowrap"><button type="button" class="plain-button mono" aria-expanded={isOpen} onClick={() => { at.value = i; open.value = isOpen ? "" : k; }}>
                  <time dateTime={text(d, "@timestamp")} title={dateTime(text(d, "@timestamp"))}>{when(d)}</time></button></td>
                {columns.map((c) => <td key={c}><Value d={d} field={c} /></td>)}
                <td class="told-cell"><span class="clamp"><span class="muted">{t.event[text(d, "event.action")] ?? text(d, "event.action")}</span> <Told text={objectOf(d)} mono /></span></td>
              </tr>,
              isOpen && <tr key={`${k}+`} class="opened"><td colSpan={columns.length + 2}><Values doc={d} /></td></tr>,
            ];
          })}
        </tbody>
      </table>
    </div>
  );
}
const when = (d: Doc) => { const v = ms(text(d, "@timestamp")); return Date.now() - v < 86400e3 ? clock(v) : dateTime(v); };

// A click adds the value to the query.
function Value({ d, field }: { d: Doc; field: string }) {
  const v = text(d, field);
  if (!v) return <span class="muted">–</span>;
  const more = term(field, v);
  const q = param("q");
  return <a class="pivot" href={withParams({ q: q && !q.includes(more) ? `${/\bor\b/i.test(q) ? `(${q})` : q} and ${more}` : q || more })} title={`${t.events.filterFor}: ${plain(more)}`}><Told text={cut(v, 60)} /></a>;
}

function Columns() {
  const common = ["host.name", "service.name", "event.action", "process.name", "process.pid", "user.name", "source.ip", "destination.ip", "destination.port", "file.path", "process.executable", "event.outcome"];
  const names = [...new Set([...common, ...shown.value])].filter((c) => fields.events.some(([f]) => f === c) || shown.value.includes(c));
  return (
    <details class="drop"><summary class="button">{t.events.columns}</summary>
      <div class="drop-body">{names.map((c) => (
        <label key={c} class="checks mono"><input type="checkbox" checked={shown.value.includes(c)}
          onChange={(e) => { shown.value = e.currentTarget.checked ? [...shown.value, c] : shown.value.filter((x) => x !== c); }} />{c}</label>
      ))}</div>
    </details>
  );
}

function Export({ q, since, until }: { q: string; since: string; until: string }) {
  const busy = useSignal(false);
  const run = (kind: "csv" | "jsonl") => async () => {
    busy.value = true;
    await doing(async () => {
      const docs = await all<Doc>("events", { q, since, until }, EXPORT);
      if (kind === "jsonl") save("events.jsonl", "application/x-ndjson", docs.map((d) => JSON.stringify(d)).join("\n") + "\n");
      else save("events.csv", "text/csv", csv(docs));
      say(t.events.exported(docs.length, docs.length >= EXPORT));
    });
    busy.value = false;
  };
  return (
    <details class="drop"><summary class="button">{t.events.export}</summary>
      <div class="drop-body"><Button icon="download" busy={busy.value} onClick={() => void run("csv")()}>{t.events.csv}</Button><Button icon="download" busy={busy.value} onClick={() => void run("jsonl")()}>{t.events.jsonl}</Button></div>
    </details>
  );
}

// A cell that a spreadsheet would take for a formula begins with an apostrophe.
const cell = (v: string) => { const s = /^[=+\-@\t\r]/.test(v) ? `'${v}` : v; return /[",\n\r]/.test(s) ? `"${s.replace(/"/g, '""')}"` : s; };
function csv(docs: Doc[]): string {
  const columns = ["@timestamp", ...new Set([...shown.value, "process.executable", "process.command_line", "process.pid", "user.name", "source.ip", "destination.ip", "destination.port", "file.path"])];
  return [columns.join(","), ...docs.map((d) => columns.map((c) => cell(text(d, c))).join(","))].join("\r\n") + "\r\n";
}

// As they are stored; comes back by itself when the connection ends, from the last one on.
function Tail({ q }: { q: string }) {
  const items = useSignal<Doc[]>([]);
  const failed = useSignal("");
  const state = useSignal<"on" | "waiting">("waiting");
  useEffect(() => {
    const abort = new AbortController();
    let wait = 500, n = 0, timer = 0, batch: Doc[] = [], frame = 0;
    const flush = () => {
      frame = 0;
      items.value = [...batch.reverse(), ...items.value].slice(0, LIVE);
      batch = [];
    };
    const run = async () => {
      try {
        for await (const line of lines(`events${toQuery({ q, follow: 1 })}`, { signal: abort.signal, accept: "application/x-ndjson" }, () => { state.value = "on"; })) {
          failed.value = "";
          wait = 500;
          if (!line) continue;
          const d = JSON.parse(line) as Doc;
          d["#"] = ++n;
          batch.push(d);
          if (batch.length > LIVE) batch = batch.slice(-LIVE);
          frame ||= window.setTimeout(flush, 200);
        }
      } catch (e) {
        if (abort.signal.aborted) return;
        failed.value = (e as Error).message;
      }
      if (abort.signal.aborted) return;
      state.value = "waiting";
      timer = window.setTimeout(run, wait);
      wait = Math.min(wait * 2, 15000);
    };
    items.value = [];
    void run();
    return () => { abort.abort(); clearTimeout(timer); clearTimeout(frame); };
  }, [q]);
  return (
    <section class="card">
      <header><h2>{t.events.live}</h2><div class="aside"><Chip kind={state.value === "on" ? "good" : ""}>{state.value === "on" ? t.events.tail : t.live.waiting}</Chip></div></header>
      {failed.value && <Note kind="warn">{failed.value}</Note>}
      {items.value.length === 0 ? <Empty icon="clock">{t.events.waiting}</Empty> : <Rows items={items.value} live />}
    </section>
  );
}
