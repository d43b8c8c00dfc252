// SPDX-License-Identifier: GPL-2.0-or-later
// bars - how many of what, over time; a bar is a way to what it counts.
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { clock, dayClock } from "../format";
import { t } from "../text";

export type Bucket = { from: number; to: number; parts: Record<string, number> };

export function useWidth(fallback = 640) {
  const ref = useRef<HTMLDivElement>(null);
  const width = useSignal(fallback);
  useEffect(() => {
    const watch = new ResizeObserver((e) => { const w = e[0]?.contentRect.width; if (w) width.value = Math.round(w); });
    if (ref.current) watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [ref, width.value] as const;
}

export function bucketsOf(from: number, to: number, n: number): Bucket[] {
  const step = (to - from) / n;
  return Array.from({ length: n }, (_, i) => ({ from: from + i * step, to: from + (i + 1) * step, parts: {} }));
}

export function fill(buckets: Bucket[], at: number, part: string, by = 1) {
  const first = buckets[0], last = buckets[buckets.length - 1];
  if (!first || !last || at < first.from || at > last.to) return;
  const i = Math.min(buckets.length - 1, Math.floor((at - first.from) / (first.to - first.from)));
  const p = buckets[i]!.parts;
  p[part] = (p[part] ?? 0) + by;
}

export function Bars({ buckets, parts, height = 120, onPick, label, empty }: {
  buckets: Bucket[]; parts: [string, string][]; height?: number; onPick?: (from: number, to: number) => void; label: string; empty?: string;
}) {
  const [ref, width] = useWidth();
  const sums = buckets.map((b) => parts.reduce((n, [p]) => n + (b.parts[p] ?? 0), 0));
  const max = Math.max(1, ...sums);
  const total = sums.reduce((a, b) => a + b, 0);
  const base = height - 18, step = width / buckets.length, gap = step > 5 ? 1.5 : 0.5;
  const first = buckets[0]?.from ?? 0, last = buckets[buckets.length - 1]?.to ?? 0;
  const name = last - first > 36 * 3600e3 ? dayClock : (v: number) => clock(v, last - first < 15 * 60e3);
  const marks = Math.max(2, Math.min(7, Math.floor(width / 130)));
  return (
    <div ref={ref}>
      <svg class="bars" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img"
        aria-label={`${label}: ${total.toLocaleString()}, ${dayClock(first)} – ${dayClock(last)}`}>
        <line class="axis" x1="0" x2={width} y1={base + 0.5} y2={base + 0.5} />
        {max > 1 && <text x="0" y="10">{max.toLocaleString()}</text>}
        {total === 0 && empty && <text x={width / 2} y={base / 2 + 4} text-anchor="middle">{empty}</text>}
        {buckets.map((b, i) => {
          let y = base;
          const say = `${name(b.from)} – ${name(b.to)}: ${parts.filter(([p]) => b.parts[p]).map(([p, w]) => `${b.parts[p]!.toLocaleString()} ${w}`).join(", ") || t.act.none}`;
          return (
            <g key={i}>
              {parts.map(([p]) => {
                const v = b.parts[p] ?? 0;
                if (!v) return null;
                const h = Math.max(2, (v / max) * (base - 14));
                y -= h;
                return <rect key={p} class={`fill-${p}`} x={i * step + gap} y={y} width={Math.max(1, step - 2 * gap)} height={h} rx={step > 8 ? 1.5 : 0} />;
              })}
              {(onPick && sums[i]! > 0)
                ? <rect class="hit" x={i * step} y="0" width={step} height={base} onClick={() => onPick(b.from, b.to)}><title>{say}</title></rect>
                : <rect fill="none" pointer-events="all" x={i * step} y="0" width={step} height={base}><title>{say}</title></rect>}
            </g>
          );
        })}
        {Array.from({ length: marks }, (_, k) => {
          const at = first + ((last - first) * k) / (marks - 1), x = (width * k) / (marks - 1);
          return <text key={k} x={x} y={height - 3} text-anchor={k === 0 ? "start" : k === marks - 1 ? "end" : "middle"}>{k === 0 && last - first > 12 * 3600e3 ? dayClock(at) : name(at)}</text>;
        })}
      </svg>
    </div>
  );
}
