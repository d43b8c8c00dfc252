// SPDX-License-Identifier: GPL-2.0-or-later
// channels - how people are told, whether it works, and what they were told.
import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { Channel, Message } from "../api.gen";
import { get, may, post, type PageOf } from "../api";
import { changed, useData } from "../data";
import { doing } from "../say";
import { t } from "../text";
import { link } from "../url";
import { Button, Chip, Empty, Note, Section, Show, Time, Told } from "../ui/basic";

export function Channels() {
  // What is on its way is watched until it has arrived.
  const busy = useSignal(false), often = { every: busy.value ? 1 : 15, on: ["messages"] };
  const list = useData("channels", (s) => get<PageOf<Channel>>("channels", undefined, s), often);
  const messages = useData("messages", (s) => get<PageOf<Message>>("messages", { limit: 50 }, s), often);
  const isOnItsWay = (messages.data?.items ?? []).some((m) => m.status === "waiting" && m.error === null);
  useEffect(() => { busy.value = isOnItsWay; }, [isOnItsWay]);
  const write = may("settings:write");
  return (
    <div class="stack">
      <Section title={t.settings.channels}>
        <Show of={list} what={t.settings.channels}>{(p) => (p.items.length === 0 ? <div class="body"><Note kind="warn">{t.settings.noChannels}</Note></div> : (
          <ul class="lines padded">{p.items.map((c) => (
            <li key={c.name} class="row spread">
              <span class="grow"><strong><Told text={c.name} /></strong> <Told text={c.type} /> <Chip kind={c.error ? "bad" : "good"} icon={c.error ? "high" : "check"}>{c.error ? t.reaction.states["failed"] : t.overview.ok}</Chip>
                <br /><small>{t.message.counts(c.sent ?? 0, c.waiting ?? 0, c.dead ?? 0)}, {t.message.from((t.severity[c.min_severity ?? ""] ?? "").toLowerCase())}{c.last_sent && <>, <Time at={c.last_sent} /></>}{c.error && <>. <Told text={c.error} /></>}</small></span>
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
