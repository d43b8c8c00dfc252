// SPDX-License-Identifier: GPL-2.0-or-later
// event - one event in words, and its values to go on from.
import { clock, ms, plain, term } from "../format";
import { flat, text, type Doc } from "../model";
import { t } from "../text";
import { link } from "../url";
import { Told } from "./basic";

const endpoint = (d: Doc, side: string) => {
  const ip = text(d, `${side}.ip`), address = ip || text(d, `${side}.address`), port = text(d, `${side}.port`);
  return address && port ? (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`) : address || port;
};

// What it was about: a command line, a file, an address.
export function objectOf(d: Doc): string {
  const action = text(d, "event.action");
  if (action.startsWith("exec")) return text(d, "process.command_line") || text(d, "process.executable");
  if (action === "accept") return endpoint(d, "source");
  if (action === "listen" && text(d, "file.path")) return text(d, "file.path");
  if (action === "listen") return `${text(d, "network.transport")} ${text(d, "destination.port") || text(d, "source.port") || text(d, "server.port")}`;
  if (action === "login") return [text(d, "user.name"), text(d, "event.outcome"), endpoint(d, "source")].filter(Boolean).join(", ");
  return text(d, "file.path") || endpoint(d, "destination") || text(d, "message") || text(d, "service.name");
}

export function EventLine({ doc }: { doc: Doc }) {
  const action = text(doc, "event.action");
  return (
    <>
      <time class="mono muted nowrap" dateTime={text(doc, "@timestamp")}>{clock(ms(text(doc, "@timestamp")))}</time>
      <Told text={text(doc, "process.name") || text(doc, "service.name")} class="strong" />
      <span class="did"><span class="muted">{t.event[action] ?? action}</span> <Told text={objectOf(doc)} mono /></span>
    </>
  );
}

// Every value leads to the events that share it.
export function Values({ doc }: { doc: Doc }) {
  const rows = flat(doc).sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    <dl class="values">
      {rows.map(([k, v]) => (
        <div key={k}>
          <dt class="mono">{k}</dt>
          <dd>{/^(@timestamp|event\.ingested|ecs\.version)$/.test(k) ? <Told text={v} mono />
            : <a href={link.events(term(k, typeof v === "string" ? v.split(", ")[0]! : v))} title={plain(term(k, v))}><Told text={v} mono /></a>}</dd>
        </div>
      ))}
    </dl>
  );
}
