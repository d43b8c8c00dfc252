// SPDX-License-Identifier: GPL-2.0-or-later
// theme - light or dark: the system's, unless somebody chose.
import { computed, effect, signal } from "@preact/signals";
import { kept } from "./data";

export type Theme = "auto" | "light" | "dark";
export const theme = kept<Theme>("theme", "auto");
effect(() => { document.documentElement.dataset.theme = theme.value; });

// What is drawn on a canvas is drawn anew when this changes: by choice, or because the evening came.
const dark = matchMedia("(prefers-color-scheme: dark)");
const system = signal(dark.matches);
dark.addEventListener("change", () => { system.value = dark.matches; });
export const look = computed(() => `${theme.value} ${system.value}`);

// What a colour of the tokens is now. light-dark() is resolved by the browser for a real property only.
export function colourOf(beside: Element, name: string): string {
  const probe = document.createElement("span");
  beside.after(probe);
  probe.style.color = `var(${name})`;
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour || "#888";
}
