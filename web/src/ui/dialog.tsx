// SPDX-License-Identifier: GPL-2.0-or-later
// dialog - what wants an answer first, and the words about what was done, which are always on top.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { signal, useSignal } from "@preact/signals";
import { drop, toasts } from "../say";
import { t } from "../text";
import { Button } from "./basic";
import { Icon } from "./icon";

// How many are open, one above the other: outside of the last one nothing can be clicked or heard. A click beside it
// closes it; one that only ends there, as when text is selected, does not.
const depth = signal(0);

export function Dialog({ title, onClose, children, wide, alone }: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean; alone?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  const mine = useSignal(0);
  const outside = useRef(false);
  useEffect(() => {
    const d = ref.current!;
    const before = document.activeElement as HTMLElement | null;
    d.showModal();
    mine.value = ++depth.value;
    return () => { depth.value--; d.close(); before?.focus?.(); };
  }, []);
  return (
    <dialog ref={ref} class={wide ? "wide" : alone ? "alone" : ""} aria-label={title} onCancel={(e) => { e.preventDefault(); onClose(); }}
      onPointerDown={(e) => { outside.current = e.target === ref.current; }}
      onClick={(e) => { if (outside.current && e.target === ref.current && !alone) onClose(); }}>
      <header><h2>{title}</h2><Button icon="close" kind="quiet" label={t.act.close} onClick={onClose} /></header>
      <div class="dialog-body">{children}</div>
      <Toasts here={mine.value === depth.value} />
    </dialog>
  );
}

// Whether somebody means it: one sentence, what it is about, and a button that says what it does.
export function Sure({ title, says, go, kind = "danger", icon, onClose, onSure, children }: {
  title: string; says: string; go: string; kind?: "danger" | "primary"; icon?: string; onClose: () => void; onSure: () => Promise<unknown>; children?: ComponentChildren;
}) {
  const busy = useSignal(false);
  const sure = async () => {
    busy.value = true;
    await onSure();
    onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{says}</p>
      {children}
      <div class="actions end"><Button onClick={onClose}>{t.act.cancel}</Button><Button kind={kind} icon={icon} busy={busy.value} onClick={() => void sure()}>{go}</Button></div>
    </Dialog>
  );
}

// They may stay over a dialog that asks about something else: each button says which of the two it is about. What they
// come into is there before them, empty, or it is not read out.
function Toasts({ here }: { here: boolean }) {
  return (
    <div class="toasts" role="status" aria-live="polite" aria-atomic="false">
      {here && toasts.value.map((x) => (
        <div key={x.id} class={`toast toast-${x.kind}`}>
          <Icon name={x.kind === "good" ? "ok" : "high"} /><span>{x.text}</span>
          {x.undo && <Button kind="quiet" icon="undo" label={`${t.act.undo}: ${x.text}`} onClick={() => { drop(x.id); x.undo!(); }}>{t.act.undo}</Button>}
          <Button kind="quiet" icon="close" label={t.act.dismiss} onClick={() => drop(x.id)} />
        </div>
      ))}
    </div>
  );
}

export const PageToasts = () => <Toasts here={depth.value === 0} />;
