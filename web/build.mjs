// SPDX-License-Identifier: GPL-2.0-or-later
// build - bundles src/ into dist/: names with a hash of the content, everything also compressed, and what it weighs.
import { build } from "esbuild";
import { readFile, writeFile, mkdir, rm, readdir, copyFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import path from "node:path";
import { fieldsOf, typesOf } from "./types.mjs";

// Bytes compressed; more fails the build. JS of the first page, all JS, CSS.
const budget = { initial: 70 << 10, total: 150 << 10, css: 15 << 10 };
const textual = /\.(js|css|html|svg|json|txt|webmanifest)$/;

const top = process.argv[2] ?? "..";
const api = JSON.parse(await readFile(`${top}/schema/api.json`, "utf8"));
await writeFile("src/api.gen.ts", typesOf(api));
await writeFile("src/fields.gen.ts",
  fieldsOf(await readFile(`${top}/schema/events.def`, "utf8"), await readFile(`${top}/server/api/query_field.c`, "utf8")));
await rm("dist", { recursive: true, force: true });
await mkdir("dist/assets", { recursive: true });

const result = await build({
  entryPoints: { app: "src/main.tsx", theme: "src/style/main.css" },
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "chrome111", "firefox121", "safari17"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const outputs = Object.entries(result.metafile.outputs);
const named = (file) => path.basename(file);
const entry = outputs.find(([, o]) => o.entryPoint === "src/main.tsx");
const css = outputs.find(([f]) => f.endsWith(".css"));
// What the entry imports statically is asked for at once, not after it was read.
const first = new Set([entry[0]]);
for (const file of first)
  for (const i of result.metafile.outputs[file].imports) if (i.kind === "import-statement") first.add(i.path);

const preload = [...first].slice(1).map((f) => `    <link rel="modulepreload" href="/assets/${named(f)}">`);
const html = (await readFile("src/index.html", "utf8"))
  .replace("<!-- assets -->", [
    `<link rel="stylesheet" href="/assets/${named(css[0])}">`,
    ...preload.map((l) => l.trim()),
    `<script type="module" src="/assets/${named(entry[0])}"></script>`,
  ].join("\n    "));
await writeFile("dist/index.html", html);
for (const f of await readdir("src/public")) await copyFile(`src/public/${f}`, `dist/${f}`);
await writeFile("dist/LICENSES.txt", await licences());

const weight = {};
for (const dir of ["dist", "dist/assets"])
  for (const f of await readdir(dir)) {
    const file = `${dir}/${f}`;
    if (!textual.test(f)) continue;
    const packed = gzipSync(await readFile(file), { level: 9 });
    weight[file] = packed.length;
    await writeFile(`${file}.gz`, packed);
  }

const sum = (files) => files.reduce((n, f) => n + weight[f], 0);
const figures = {
  initial: sum([...first]),
  total: sum(Object.keys(weight).filter((f) => f.endsWith(".js"))),
  css: sum(Object.keys(weight).filter((f) => f.endsWith(".css"))),
};
await writeFile("sizes.json", JSON.stringify(figures));
for (const [name, bytes] of Object.entries(figures))
  if (bytes > budget[name]) {
    console.error(`web: ${name} is ${bytes} bytes compressed, more than ${budget[name]}`);
    process.exitCode = 1;
  }

// The licences of what is in the bundle, from the packages themselves.
async function licences() {
  const used = new Set(Object.keys(result.metafile.inputs)
    .map((f) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(f)?.[1]).filter(Boolean));
  const parts = ["This dashboard is part of DaemonSec, GPL-2.0-or-later. It contains:\n"];
  for (const name of [...used].sort()) {
    const dir = `node_modules/${name}`;
    const about = JSON.parse(await readFile(`${dir}/package.json`, "utf8"));
    const file = (await readdir(dir)).find((f) => /^licen[cs]e/i.test(f));
    parts.push(`${"=".repeat(72)}\n${name} ${about.version} (${about.license})\n`);
    parts.push(file ? await readFile(`${dir}/${file}`, "utf8") : "");
  }
  return parts.join("\n");
}
