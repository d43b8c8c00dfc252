// SPDX-License-Identifier: GPL-2.0-or-later
// table - a real table that draws only what is in sight, moved through with j and k.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { useKeys } from "../keys";
import { plain } from "../format";
import { t } from "../text";
import { Empty } from "./basic";

export type Column<T> = {
  id: string; title: string; cell: (row: T) => ComponentChildren; width?: string; sort?: (row: T) => number | string; num?: boolean;
};

// Widths in pixels are of letters as they are on most screens; on the largest they are larger.
const LETTERS = 14;
const scaled = (width: string) => (width.endsWith("px") ? `${parseFloat(width) / LETTERS}rem` : width);

const HEIGHT = 38;
const SPARE = 12;

export function VirtualTable<T>({ rows, columns, rowKey, nameOf = rowKey, canPick = () => true, onOpen, picked, onPicked, label, empty, initialSort, rowHeight = HEIGHT, minWidth = 720 }: {
  rows: T[]; columns: Column<T>[]; rowKey: (row: T) => string; nameOf?: (row: T) => string; canPick?: (row: T) => boolean; onOpen?: (row: T) => void; picked?: Set<string>;
  onPicked?: (keys: Set<string>) => void; label: string; empty: ComponentChildren; initialSort?: [string, 1 | -1];
  rowHeight?: number; minWidth?: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const view = useSignal(800);
  const cursor = useSignal(-1);
  const sort = useSignal<[string, 1 | -1] | undefined>(initialSort);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const watch = new ResizeObserver(() => { view.value = el.clientHeight; });
    watch.observe(el);
    return () => watch.disconnect();
  }, [rows.length === 0]);

  const by = columns.find((c) => c.id === sort.value?.[0])?.sort;
  const sorted = by ? [...rows].sort((a, b) => {
    const x = by(a), y = by(b);
    return (x < y ? -1 : x > y ? 1 : 0) * sort.value![1];
  }) : rows;
  const from = Math.max(0, Math.floor(top.value / rowHeight) - SPARE);
  const to = Math.min(sorted.length, Math.ceil((top.value + view.value) / rowHeight) + SPARE);

  const move = (by: number) => {
    const at = Math.max(0, Math.min(sorted.length - 1, cursor.value + by));
    cursor.value = at;
    const el = box.current;
    if (!el) return;
    const y = at * rowHeight, head = 36;
    if (y < el.scrollTop) el.scrollTop = y;
    else if (y + rowHeight + head > el.scrollTop + el.clientHeight) el.scrollTop = y + rowHeight + head - el.clientHeight;
  };
  useKeys({
    j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
    Enter: () => { const r = sorted[cursor.value]; if (r && onOpen) onOpen(r); },
    x: () => { const r = sorted[cursor.value]; if (r && onPicked && canPick(r)) toggle(rowKey(r)); },
  });
  const toggle = (key: string) => {
    const next = new Set(picked);
    if (!next.delete(key)) next.add(key);
    onPicked!(next);
  };
  const pickable = onPicked ? rows.filter(canPick) : [];
  const width = columns.length + (pickable.length > 0 ? 1 : 0);
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  return (
    <div class="virtual" ref={box} tabIndex={0} role="region" aria-label={label} onScroll={(e) => { top.value = e.currentTarget.scrollTop; }}>
      <table aria-rowcount={sorted.length + 1} style={{ minWidth: `${minWidth}px` }}>
        <thead>
          <tr aria-rowindex={1}>
            {pickable.length > 0 && <th class="sel"><input type="checkbox" aria-label={t.act.all} checked={picked!.size > 0 && picked!.size === pickable.length}
              onChange={(e) => onPicked!(new Set(e.currentTarget.checked ? pickable.map(rowKey) : []))} /></th>}
            {columns.map((c) => (
              <th key={c.id} class={c.num ? "num" : ""} style={c.width ? { width: scaled(c.width) } : undefined}
                aria-sort={sort.value?.[0] === c.id ? (sort.value[1] === 1 ? "ascending" : "descending") : undefined}>
                {c.sort ? <button type="button" onClick={() => { sort.value = [c.id, sort.value?.[0] === c.id && sort.value[1] === 1 ? -1 : 1]; }}>
                  {c.title}{sort.value?.[0] === c.id ? (sort.value[1] === 1 ? " ↑" : " ↓") : ""}</button> : c.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {from > 0 && <tr class="gap" aria-hidden="true"><td colSpan={width} style={{ height: `${from * rowHeight}px` }} /></tr>}
          {sorted.slice(from, to).map((r, i) => {
            const key = rowKey(r);
            return (
              <tr key={key} aria-rowindex={from + i + 2} class={onOpen ? "pick" : ""} aria-selected={from + i === cursor.value || undefined}
                style={{ height: `${rowHeight}px` }}
                onClick={(e) => { if (!(e.target as Element).closest("a,button,input")) { cursor.value = from + i; onOpen?.(r); } }}>
                {pickable.length > 0 && <td class="sel">{canPick(r) && <input type="checkbox" aria-label={plain(nameOf(r))} checked={picked!.has(key)} onChange={() => toggle(key)} />}</td>}
                {columns.map((c) => <td key={c.id} class={c.num ? "num" : ""}>{c.cell(r)}</td>)}
              </tr>
            );
          })}
          {to < sorted.length && <tr class="gap" aria-hidden="true"><td colSpan={width} style={{ height: `${(sorted.length - to) * rowHeight}px` }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}
