// SPDX-License-Identifier: GPL-2.0-or-later
// tree - who started whom, and what each did: the alert's processes stand out.
import { clock, ms } from "../format";
import type { Node } from "../model";
import { t } from "../text";
import { Told } from "./basic";
import { objectOf } from "./event";
import { text } from "../model";

const DEPTH = 24, BELOW = 40, DID = 12;

function Branch({ n, depth }: { n: Node; depth: number }) {
  return (
    <li>
      <div class={`proc ${n.hot ? "hot" : ""} ${n.ended ? "ended" : ""}`}>
        <span class="row tight"><Told text={n.cmd || n.exe || `pid ${n.pid}`} mono class="cmd" /></span>
        <small>{[n.exe, (n.cmd || n.exe) && `pid ${n.pid}`, n.at ? clock(ms(n.at)) : "", n.ended ? t.host.ended(clock(ms(n.ended))) : ""].filter(Boolean).map((x, i) => <span key={i}>{i > 0 && " · "}<Told text={x} /></span>)}</small>
      </div>
      {(n.did.length > 0 || n.below.length > 0) && (
        <ul>
          {n.did.slice(0, DID).map((d, i) => (
            <li key={i} class="did"><span class="muted">{t.event[text(d, "event.action")] ?? text(d, "event.action")}</span> <Told text={objectOf(d)} mono /> <small>{clock(ms(text(d, "@timestamp")))}</small></li>
          ))}
          {n.did.length > DID && <li class="muted">… {n.did.length - DID}</li>}
          {depth < DEPTH && n.below.slice(0, BELOW).map((c) => <Branch key={c.pid} n={c} depth={depth + 1} />)}
        </ul>
      )}
    </li>
  );
}

export function Tree({ above, roots }: { above: string[]; roots: Node[] }) {
  const inner = roots.map((r) => <Branch key={r.pid} n={r} depth={0} />);
  const wrap = (i: number): preact.JSX.Element => (i >= above.length ? <ul>{inner}</ul>
    : <ul><li><div class="proc"><Told text={above[i]} mono /></div>{wrap(i + 1)}</li></ul>);
  return <div class="tree">{wrap(0)}</div>;
}
