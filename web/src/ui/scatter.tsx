// SPDX-License-Identifier: GPL-2.0-or-later
// scatter - many points on a canvas: what lies together, what lies apart. What it says in words stands beside it.
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { dateTime } from "../format";
import { t } from "../text";
import { colourOf, look } from "../theme";
import { useWidth } from "./bars";

export type Point = { time: string; x: number; y: number; cluster: number; center?: number; why?: string };
export type Center = { x: number; y: number; minutes: number };

const LABELS = 8;
const hues = ["--bar", "--bar-good", "--bar-medium", "--bar-low", "--accent"];

export function Scatter({ points, centers, height = 280, by, label, onPick }: { points: Point[]; centers: Center[]; height?: number; by: "dbscan" | "kmeans"; label: string; onPick?: (p: Point) => void }) {
  const [box, width] = useWidth(420);
  const canvas = useRef<HTMLCanvasElement>(null);
  const over = useSignal<Point | null>(null);
  const all = [...points, ...centers];
  const span = (k: "x" | "y") => { const v = all.map((p) => p[k]), lo = Math.min(...v), hi = Math.max(...v), pad = (hi - lo || 1) * 0.06; return [lo - pad, hi + pad] as const; };
  const [x0, x1] = span("x"), [y0, y1] = span("y");
  const at = (p: { x: number; y: number }) => [((p.x - x0) / (x1 - x0)) * width, height - ((p.y - y0) / (y1 - y0)) * height] as const;
  useEffect(() => {
    const el = canvas.current!, ratio = devicePixelRatio || 1;
    el.width = width * ratio;
    el.height = height * ratio;
    const g = el.getContext("2d")!;
    g.scale(ratio, ratio);
    g.clearRect(0, 0, width, height);
    const resolve = (name: string) => colourOf(el, name);
    const palette = hues.map(resolve), odd = resolve("--critical"), ink = resolve("--text");
    const outside = points.filter((p) => p.cluster < 0), inside = by === "dbscan" ? points.filter((p) => p.cluster >= 0) : points;
    const group = (p: Point) => (by === "dbscan" ? p.cluster : p.center ?? 0);
    g.globalAlpha = 0.85; // many of them show where they are dense, one alone is still seen on dark ground
    for (const p of inside) {
      const [x, y] = at(p);
      g.fillStyle = palette[group(p) % palette.length]!;
      g.beginPath();
      g.arc(x, y, 3, 0, 7);
      g.fill();
    }
    g.globalAlpha = 1;
    g.lineWidth = 1.6;
    g.strokeStyle = odd;
    for (const p of outside) {
      const [x, y] = at(p);
      g.beginPath();
      g.moveTo(x - 4, y - 4); g.lineTo(x + 4, y + 4); g.moveTo(x + 4, y - 4); g.lineTo(x - 4, y + 4);
      g.stroke();
    }
    // The newest outliers say what is least usual in them, where there is room.
    g.font = "11px system-ui, sans-serif";
    g.fillStyle = ink;
    const taken: [number, number][] = [];
    for (const p of [...outside].reverse().slice(0, 40)) {
      const [x, y] = at(p), text = p.why ?? "", w = g.measureText(text).width, left = x + w + 10 > width ? x - w - 8 : x + 8;
      if (!text || taken.length === LABELS || left < 2 || taken.some(([a, b]) => Math.abs(a - left) < 110 && Math.abs(b - y) < 14)) continue;
      taken.push([left, y]);
      g.fillText(text, left, y + 4);
    }
    g.strokeStyle = ink;
    for (const c of centers) {
      const [x, y] = at(c);
      g.beginPath();
      g.moveTo(x, y - 7); g.lineTo(x + 7, y); g.lineTo(x, y + 7); g.lineTo(x - 7, y); g.closePath();
      g.stroke();
    }
    // The newest minute has a ring.
    const last = points[points.length - 1];
    if (last) {
      const [x, y] = at(last);
      g.beginPath();
      g.arc(x, y, 8, 0, 7);
      g.stroke();
    }
  });
  const nearest = (e: MouseEvent) => {
    const r = canvas.current!.getBoundingClientRect(), mx = e.clientX - r.left, my = e.clientY - r.top;
    let best: Point | null = null, least = 144;
    for (const p of points) {
      const [x, y] = at(p), d = (x - mx) ** 2 + (y - my) ** 2;
      if (d < least) { least = d; best = p; }
    }
    return best;
  };
  const o = over.value;
  void look.value;
  return (
    <div ref={box} class="scatter">
      <canvas ref={canvas} role="img" aria-label={label} style={{ width: `${width}px`, height: `${height}px` }} onMouseMove={(e) => { over.value = nearest(e); }} onMouseLeave={() => { over.value = null; }}
        onClick={(e) => { const p = nearest(e); if (p && onPick) onPick(p); }} />
      <p class="legend"><span>{by === "dbscan" ? t.scatter.dots : t.scatter.dotsCenters}</span><span>{t.scatter.crosses}</span><span>{t.scatter.diamonds}</span><span>{t.scatter.ring}</span></p>
      <p class="muted" aria-live="polite">{o ? `${dateTime(o.time)}: ${o.cluster < 0 ? t.scatter.odd(o.why ?? "") : t.scatter.cluster((by === "dbscan" ? o.cluster : o.center ?? 0) + 1)}` : t.scatter.hint}</p>
    </div>
  );
}
