// SPDX-License-Identifier: GPL-2.0-or-later
// modes - how much automation may do, and where: the fleet, a label, a host, a daemon.
import { useSignal } from "@preact/signals";
import type { Mode as Said, ModePage } from "../api.gen";
import { ApiError, each, get, may, post } from "../api";
import { changed, useData } from "../data";
import { byWhom } from "../format";
import { doing, say } from "../say";
import { t } from "../text";
import { Button, Chip, Empty, Field, Note, Section, Show, Told } from "./basic";
import { Dialog } from "./dialog";

type Target = { host?: string; label?: string; daemon?: string };

const looks: Record<string, string> = { monitor: "accent", active: "warn", prevent: "warn" };

export function SetMode({ targets, onClose, ask }: { targets: Target[]; onClose: () => void; ask?: boolean }) {
  const mode = useSignal("monitor");
  const against = useSignal<string[]>([]);
  const where = useSignal("fleet");
  const busy = useSignal(false);
  const submit = async (e: Event) => {
    e.preventDefault();
    const name = String(new FormData(e.currentTarget as HTMLFormElement).get("name") ?? "").trim();
    const to = ask ? [where.value === "fleet" ? {} : { [where.value]: name }] : targets;
    busy.value = true;
    try {
      await each(to, (x) => post("modes", { ...x, mode: mode.value, ...(against.value.length ? { force: true } : {}) }));
      say(t.fleet.modeSet);
      onClose();
    } catch (x) {
      const blockers = x instanceof ApiError ? x.problem.blockers : undefined;
      if (x instanceof ApiError && x.status === 409 && blockers) against.value = blockers;
      else say((x as Error).message, "bad");
    }
    busy.value = false;
    changed("modes", "status", "hosts");
  };
  return (
    <Dialog title={t.modes.title} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        {ask && (
          <div class="columns">
            <Field label={t.modes.where}><select value={where.value} onChange={(e) => { where.value = e.currentTarget.value; against.value = []; }}>
              <option value="fleet">{t.modes.whole}</option><option value="label">{t.modes.forLabel}</option><option value="daemon">{t.modes.forDaemon}</option><option value="host">{t.modes.forHost}</option></select></Field>
            {where.value !== "fleet" && <Field label={t.settings.name}><input name="name" required maxLength={255} spellcheck={false} /></Field>}
          </div>
        )}
        <fieldset class="choice"><legend>{t.fleet.mode}</legend>
          {(["monitor", "active", "prevent"] as const).map((m) => <label key={m} class="checks"><input type="radio" name="mode" checked={mode.value === m} onChange={() => { mode.value = m; against.value = []; }} />{t.mode[`${m}Long`]}</label>)}
        </fieldset>
        {against.value.length > 0 && <Note kind="warn"><strong>{t.modes.blockers}</strong><ul class="bullets">{against.value.map((b) => <li key={b}><Told text={b} /></li>)}</ul></Note>}
        <div class="actions end"><Button onClick={onClose}>{t.act.cancel}</Button><Button type="submit" kind={against.value.length ? "danger" : "primary"} busy={busy.value}>{against.value.length ? t.modes.force : t.act.apply}</Button></div>
      </form>
    </Dialog>
  );
}

export function Modes() {
  const list = useData("modes", (s) => get<ModePage>("modes", undefined, s), { every: 30, on: ["modes"] });
  const open = useSignal(false);
  const write = may("reactions:write");
  const back = (m: Said) => void doing(() => post("modes", { mode: "inherit", ...(m.host?.id ? { host: m.host.id } : {}), ...(m.label ? { label: m.label } : {}), ...(m.daemon ? { daemon: m.daemon } : {}) }), t.fleet.modeSet).then(() => changed("modes", "status"));
  const whole = (m: Said) => !m.host?.id && !m.label && !m.daemon;
  return (
    <Section title={t.modes.title} aside={write && <Button onClick={() => { open.value = true; }}>{t.modes.set}</Button>}>
      <Show of={list} what={t.modes.title}>{(p) => (p.items.length === 0 ? <Empty icon="search">{t.modes.none}</Empty> : (
        <ul class="lines padded">{p.items.map((m, i) => (
          <li key={i} class="row spread">
            <span class="row grow"><Chip kind={looks[m.mode]}>{(t.mode as Record<string, string>)[m.mode] ?? m.mode}</Chip>
              <span>{whole(m) ? t.modes.fleet : [m.daemon, m.host?.name, m.label && t.modes.label(m.label)].filter(Boolean).map((x, k) => <span key={k}>{k > 0 && ", "}<Told text={x} /></span>)}</span>
              <small>{m.by && <>{t.modes.by} <Told text={byWhom(m.by)} /></>}</small></span>
            {write && !whole(m) && <Button onClick={() => back(m)}>{t.modes.back}</Button>}
          </li>
        ))}</ul>
      ))}</Show>
      {open.value && <SetMode targets={[]} ask onClose={() => { open.value = false; }} />}
    </Section>
  );
}
