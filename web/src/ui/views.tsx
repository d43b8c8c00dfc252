// SPDX-License-Identifier: GPL-2.0-or-later
// views - searches of a list that somebody wants again, kept in this browser.
import { kept } from "../data";
import { t } from "../text";
import { setParams } from "../url";
import { Button, Told } from "./basic";

const views = kept<Record<string, [string, string][]>>("views", {});

export function Views({ of, q }: { of: string; q: string }) {
  const mine = views.value[of] ?? [];
  const put = (list: [string, string][]) => { views.value = { ...views.value, [of]: list }; };
  const submit = (e: Event) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement, name = String(new FormData(form).get("name") ?? "").trim();
    if (name) put([...mine.filter(([n]) => n !== name), [name, q]]);
    form.reset();
  };
  return (
    <details class="drop"><summary class="button">{t.fleet.views}</summary>
      <div class="drop-body">
        {mine.map(([name, to]) => (
          <div key={name} class="row spread"><button type="button" class="plain-button" onClick={() => setParams({ q: to }, false)}><Told text={name} /></button>
            <Button kind="quiet" icon="close" label={`${t.act.remove}: ${name}`} onClick={() => put(mine.filter(([n]) => n !== name))} /></div>
        ))}
        <form class="row" onSubmit={submit}><input name="name" aria-label={t.events.saveName} placeholder={t.events.saveName} maxLength={80} required class="grow" /><Button type="submit">{t.act.save}</Button></form>
      </div>
    </details>
  );
}
