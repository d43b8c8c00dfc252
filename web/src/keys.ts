// SPDX-License-Identifier: GPL-2.0-or-later
// keys - single keys do what is done often; never while somebody types.
import { useLayoutEffect, useRef } from "preact/hooks";

type Handlers = Record<string, (e: KeyboardEvent) => void>;
const stack: { current: Handlers }[] = [];

let begun = -Infinity;

const isTyping = (e: Event) => {
  const el = e.target as HTMLElement;
  return el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName);
};

addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
  if (document.querySelector("dialog[open]") || (isTyping(e) && e.key !== "Escape")) return;
  // Enter and space on what has the focus are its own.
  if ((e.key === "Enter" || e.key === " ") && (e.target as HTMLElement).closest?.("a,button,summary,[role=option]")) return;
  // "g" begins a way to another screen: the key after it belongs to no list and no panel.
  // When they were pressed counts, not when a busy page came to it.
  const chord = e.timeStamp - begun < 1500;
  begun = e.key === "g" ? e.timeStamp : -Infinity;
  for (let i = stack.length - 1; i >= 0; i--) {
    const f = stack[i]!.current[chord ? `g ${e.key}` : e.key];
    if (!f) continue;
    e.preventDefault();
    f(e);
    return;
  }
});

// The component that came last and knows the key has it.
export function useKeys(handlers: Handlers) {
  const mine = useRef(handlers);
  mine.current = handlers;
  // As soon as what they act on can be seen: an effect comes a moment later, which is long on a busy machine.
  useLayoutEffect(() => {
    stack.push(mine);
    return () => { stack.splice(stack.indexOf(mine), 1); };
  }, []);
}
