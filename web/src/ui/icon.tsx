// SPDX-License-Identifier: GPL-2.0-or-later
// icon - our own small set, drawn with the text's colour.
const shapes: Record<string, string> = {
  overview: "M3 12 12 4l9 8M6 10v10h12V10",
  alerts: "M12 3 2 20h20zM12 10v5M12 17.500v.500",
  events: "M4 6h16M4 12h16M4 18h10",
  fleet: "M4 4h16v6H4zM4 14h16v6H4zM7.500 7h.500M7.500 17h.500",
  daemons: "M12 3v3M12 18v3M3 12h3M18 12h3M8 8h8v8H8z",
  reactions: "M13 2 5 14h6l-1 8 9-13h-6z",
  models: "M4 20V4M4 20h16M8 16l3-5 3 3 5-8",
  rollout: "M12 3v12M7 8l5-5 5 5M4 17v4h16v-4",
  settings: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  critical: "M8 2h8l6 6v8l-6 6H8l-6-6V8zM12 7v6M12 16.500v.500",
  high: "M12 3 2 20h20zM12 10v4M12 17v.500",
  medium: "M12 3 21 12 12 21 3 12zM12 8v5M12 15.500v.500",
  low: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8v.500",
  ok: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 12l3 3 5-6",
  check: "M5 12l5 5 9-11",
  close: "M5 5l14 14M19 5 5 19",
  menu: "M4 6h16M4 12h16M4 18h16",
  search: "M10 4a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l6 6",
  undo: "M8 5 3 10l5 5M3 10h11a6 6 0 0 1 0 12h-3",
  pause: "M8 5v14M16 5v14",
  play: "M7 4l13 8-13 8z",
  link: "M10 14l4-4M9 8l2-2a4 4 0 0 1 6 6l-2 2M15 16l-2 2a4 4 0 0 1-6-6l2-2",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  down: "M6 9l6 6 6-6",
  right: "M9 6l6 6-6 6",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c0-4 4-6 8-6s8 2 8 6",
  host: "M4 4h16v12H4zM9 20h6M12 16v4",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.700.300-1 .700-1 1.700M12 16.500v.500",
  off: "M12 3v9M6 6a8 8 0 1 0 12 0",
  tag: "M3 3h8l10 10-8 8L3 11zM7.500 7.500v.500",
  plus: "M12 5v14M5 12h14",
  download: "M12 3v12M7 10l5 5 5-5M4 20h16",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 3",
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" focusable="false">
      <path d={shapes[name] ?? ""} />
    </svg>
  );
}
