// SPDX-License-Identifier: GPL-2.0-or-later
// views - searches that somebody wants again, kept in this browser: of a list, a name and an address.
import { kept } from "../data";
import { t } from "../text";
import { Button, Told } from "./basic";

const views = kept<Record<string, [string, string][]>>("views", {});

export function Views({ of, here, title = t.fleet.views }: { of: string; here: string; title?: string }) {
  const mine = views.value[of] ?? [];
  const put = (list: [string, string][]) => { views.value = { ...views.value, [of]: list }; };
  const submit = (e: Event) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement, name = String(new FormData(form).get("name") ?? "").trim();
    if (name) put([...mine.filter(([n]) => n !== name), [name, here]]);
    form.reset();
  };
  return (
    <details class="drop"><summary class="button">{title}</summary>
      <div class="drop-body">
        {mine.map(([name, to]) => (
          <div key={name} class="row spread"><a href={to}><Told text={name} /></a><Button kind="quiet" icon="close" label={`${t.act.remove}: ${name}`} onClick={() => put(mine.filter(([n]) => n !== name))} /></div>
        ))}
        {mine.length === 0 && <p class="muted">{t.events.noSaved}</p>}
        <form class="row" onSubmit={submit}><input name="name" aria-label={t.events.saveName} placeholder={t.events.saveName} maxLength={80} required class="grow" /><Button type="submit">{t.act.save}</Button></form>
      </div>
    </details>
  );
}
