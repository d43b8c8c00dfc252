// SPDX-License-Identifier: GPL-2.0-or-later
// text - prints what text.ts says that no screen shows; run where the sources were built.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const { buildSync } = createRequire(path.resolve("node_modules") + "/")("esbuild");
const code = buildSync({ entryPoints: ["src/text.ts"], bundle: true, format: "esm", write: false }).outputFiles[0].text;
const { t } = await import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);
const below = (dir) => readdirSync(dir).map((f) => path.join(dir, f)).flatMap((f) => (statSync(f).isDirectory() ? below(f) : [f]));
const used = below("src").filter((f) => /\.tsx?$/.test(f) && !f.endsWith("text.ts")).map((f) => readFileSync(f, "utf8")).join("\n");
const says = (name) => new RegExp(`\\bt\\.${name.replace(".", "\\.")}\\b`).test(used);

for (const [section, words] of Object.entries(t)) {
  // What is looked up by a value may be any of them.
  if (typeof words !== "object" || new RegExp(`t\\.${section}(\\[| as)`).test(used)) continue;
  for (const key of Object.keys(words)) if (!says(`${section}.${key}`)) console.log(`${section}.${key}`);
}
