// SPDX-License-Identifier: GPL-2.0-or-later
// types - TypeScript from the schemas of schema/api.json, so that the dashboard and the API cannot drift apart unseen.
const pascal = (ref) => ref.replace(/^.*\//, "");
const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

function fromObject(schema, depth) {
  const properties = Object.entries(schema.properties ?? {});
  const pad = "  ".repeat(depth);
  if (properties.length === 0) return "Record<string, unknown>";
  const required = new Set(schema.required ?? []);
  const rows = properties.map(([name, s]) => {
    const optional = required.has(name) ? "" : "?";
    const comment = s.description ? `${pad}  /** ${String(s.description).replace(/\*\//g, "").replace(/\s+/g, " ").trim()} */\n` : "";
    return `${comment}${pad}  ${key(name)}${optional}: ${from(s, depth + 1)};`;
  });
  return `{\n${rows.join("\n")}\n${pad}}`;
}

function fromType(type, schema, depth) {
  switch (type) {
    case "string": return "string";
    case "integer":
    case "number": return "number";
    case "boolean": return "boolean";
    case "null": return "null";
    case "array": {
      const item = from(schema.items ?? {}, depth);
      return /[|{ ]/.test(item) ? `Array<${item}>` : `${item}[]`;
    }
    case "object": return fromObject(schema, depth);
    default: return "unknown";
  }
}

function from(schema, depth = 0) {
  if (schema === true || schema === undefined) return "unknown";
  if (schema.$ref) return pascal(schema.$ref);
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf ?? schema.oneOf) return (schema.anyOf ?? schema.oneOf).map((s) => from(s, depth)).join(" | ");
  if (schema.allOf) return schema.allOf.map((s) => from(s, depth)).join(" & ");
  if (Array.isArray(schema.type)) return schema.type.map((t) => fromType(t, schema, depth)).join(" | ");
  return fromType(schema.type ?? (schema.properties ? "object" : ""), schema, depth);
}

export function typesOf(api) {
  const out = ["// Made by types.mjs from schema/api.json; not kept.", ""];
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    if (schema.description) out.push(`/** ${schema.description.replace(/\s+/g, " ").trim()} */`);
    out.push(`export type ${pascal(name)} = ${from(schema)};`, "");
  }
  const paths = Object.keys(api.paths).filter((p) => !api.paths[p].servers);
  out.push("/** What can be asked for, below /api/v1/. */");
  out.push(`export type Path = ${paths.map((p) => `\`${p.slice(1).replace(/\{[^}]*\}/g, "${string}")}\``).join(" | ")};`, "");
  return out.join("\n");
}

// What queries may name, from the tables that the server's parser is made of.
export function fieldsOf(events, table) {
  const all = (text, re) => [...text.matchAll(re)].map((m) => [m[1], m[2]]);
  const part = (name) => new RegExp(`${name}\\[\\] = \\{([\\s\\S]*?)\\n\\};`).exec(table)?.[1] ?? "";
  const record = /RECORD\("([^"]+)", \w+, \w+,\s*"([^"]*)"\)/g;
  const sets = {
    events: [
      ...all(part("event_fields"), /\{ "([^"]+)",[^}]*?"([^"]*)" \}/g),
      ...all(events, /^DS_NUM_FIELD\(\d+, \w+, "([^"]+)",\s*"([^"]*)"\)/gm),
      ...all(events, /^DS_STR_FIELD\(\d+, \w+, "([^"]+)", \w+,\s*"([^"]*)"\)/gm),
    ],
    alerts: all(part("alert_fields"), record),
    hosts: all(part("host_fields"), record),
    daemons: all(part("daemon_fields"), record),
  };
  const actions = [...events.matchAll(/^DS_KIND\(\d+, \w+, "[^"]*", "([^"]+)"/gm)].map((m) => m[1]);
  for (const [name, rows] of Object.entries(sets))
    if (rows.length < 5) throw new Error(`no fields of ${name} were found in the parser's tables`);
  if (actions.length < 5) throw new Error("no actions were found in events.def");
  const unique = (rows) => [...new Map(rows).entries()];
  return `// Made by types.mjs from schema/events.def and server/api/query_field.c; not kept.
export type FieldSet = ${Object.keys(sets).map((n) => JSON.stringify(n)).join(" | ")};
export const fields: Record<FieldSet, readonly (readonly [string, string])[]> = ${JSON.stringify(Object.fromEntries(Object.entries(sets).map(([n, r]) => [n, unique(r)])))};
export const actions: readonly string[] = ${JSON.stringify([...new Set(actions)])};
`;
}
