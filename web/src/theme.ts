// theme - light or dark: the system's, unless somebody chose.
import { effect } from "@preact/signals";
import { kept } from "./data";

export type Theme = "auto" | "light" | "dark";
export const theme = kept<Theme>("theme", "auto");
effect(() => { document.documentElement.dataset.theme = theme.value; });
