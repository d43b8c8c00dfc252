// SPDX-License-Identifier: GPL-2.0-or-later
// chart - a value over time as a line, drawn by uPlot, with the band of what is usual behind it; drag to choose a range.
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type uPlot from "uplot";
import { clock, count, dateTime, utc } from "../format";
import { t } from "../text";
import { colourOf, look } from "../theme";
import { useWidth } from "./bars";

// Read when the first chart is drawn.
const plot = () => import("./plot").then((m) => m.uPlot);

export function Chart({ times, values, band, height = 150, label, max, onPick, drag = t.chart.drag }: {
  times: number[]; values: (number | null)[]; band?: [number, number]; height?: number; label: string; max?: number; onPick?: (from: number, to: number) => void; drag?: string;
}) {
  const [box, width] = useWidth(420);
  const at = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const over = useSignal<number | null>(null);
  const ready = useSignal<typeof uPlot | null>(null);
  const pick = useRef(onPick);
  pick.current = onPick;
  useEffect(() => { void plot().then((u) => { ready.value = u; }, () => undefined); }, []);
  const data = [times.map((v) => v / 1000), values, ...(band ? [times.map(() => band[1]), times.map(() => band[0])] : [])] as uPlot.AlignedData;
  useEffect(() => {
    const U = ready.value, el = at.current;
    if (!U || !el) return;
    const ink = colourOf(el, "--muted"), line = colourOf(el, "--accent"), grid = colourOf(el, "--line"), fill = colourOf(el, "--accent-soft"), usual = colourOf(el, "--good-soft");
    const axis: uPlot.Axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const u = new U({
      width, height, legend: { show: false }, cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      tzDate: (s) => (utc.value ? U.tzDate(new Date(s * 1000), "Etc/UTC") : new Date(s * 1000)),
      scales: { y: { range: (_u, _lo, hi) => [0, max ?? Math.max(1, hi * 1.1, (band?.[1] ?? 0) * 1.1)] } },
      axes: [{ ...axis, grid: { show: false }, size: 26, values: (_u, s) => s.map((v) => clock(v * 1000, false)) }, { ...axis, size: 40, values: (_u, v) => v.map((x) => count(x)) }],
      series: [{}, { stroke: line, width: 1.5, points: { show: false }, ...(band ? {} : { fill }) },
        ...(band ? [{ width: 0, points: { show: false } }, { width: 0, points: { show: false } }] : [])],
      bands: band ? [{ series: [2, 3], fill: usual }] : [],
      hooks: {
        setCursor: [(c) => { over.value = c.cursor.idx ?? null; }],
        setSelect: [(c) => {
          if (c.select.width < 4 || !pick.current) return;
          pick.current(c.posToVal(c.select.left, "x") * 1000, c.posToVal(c.select.left + c.select.width, "x") * 1000);
        }],
      },
    }, data, el);
    chart.current = u;
    return () => { u.destroy(); chart.current = null; };
  }, [ready.value, look.value, utc.value, width, height, band?.[0], band?.[1], max]);
  useEffect(() => { chart.current?.setData(data); }, [times, values]);
  const o = over.value;
  return (
    <div ref={box} class="chart">
      <div ref={at} role="img" aria-label={label} style={{ minHeight: `${height}px` }} />
      <p class="muted small">{o !== null && times[o] !== undefined ? `${dateTime(times[o])}: ${count(values[o])}` : onPick ? drag : label}</p>
    </div>
  );
}
