// SPDX-License-Identifier: GPL-2.0-or-later
// settings - how the server does, what it is set to; who may do what is in users, channels and audit.
import { get, may, session } from "../api";
import { useData } from "../data";
import { bytes, count, dateTime } from "../format";
import { doing } from "../say";
import { status } from "../state";
import { t } from "../text";
import { param, setParams } from "../url";
import { Chip, Facts, Note, Section, Show, Tabs, Time, Told } from "../ui/basic";
import { Audit } from "./audit";
import { Channels } from "./channels";
import { Mine, Tokens, Users } from "./users";

type Options = Record<string, Record<string, { value: string; default: string; help: string }>>;
const tabs: [string, string, () => boolean][] = [
  ["storage", t.settings.storage, () => true],
  ["users", t.settings.users, () => may("admin:read")],
  ["tokens", t.settings.tokens, () => may("admin:read")],
  ["channels", t.settings.channels, () => true],
  ["audit", t.settings.audit, () => may("admin:read")],
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
      {session.value?.kind === "session" && <Mine />}
    </div>
  );
}

// The description wants a token too, so it is fetched and shown, not gone to.
async function openapi() {
  await doing(async () => {
    const url = URL.createObjectURL(new Blob([JSON.stringify(await get("openapi.json"), null, 1)], { type: "application/json" }));
    open(url, "_blank", "noreferrer");
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  });
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
