// text - everything people read, in one place. Plain language first, numbers second.
const n = (count: number, one: string, many: string) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

export const t = {
  name: "DaemonSec",
  skip: "Skip to content",
  nav: {
    label: "Screens", overview: "Overview", alerts: "Alerts", events: "Events", fleet: "Fleet", daemons: "Daemons",
    reactions: "Reactions", models: "Models", rollout: "Rollout", settings: "Settings", menu: "Menu",
  },
  time: { now: "just now", ago: (s: string) => `${s} ago`, ahead: (s: string) => `in ${s}` },
  error: {
    status: (s: number) => `The server answered with status ${s}.`,
    offline: "The server does not answer.",
    offlineLong: "The server does not answer. What you see is what it said last; this page goes on asking.",
    failed: "This could not be read:",
    again: "Try again",
    unavailable: "This server does not offer this yet.",
    unavailableWhy: (what: string) => `${what}: not available on this server. A newer version has it.`,
    crash: "This screen met an error of its own.",
    nothing: "There is no such page.",
    home: "Go to the overview",
  },
  login: {
    title: "Sign in to DaemonSec",
    tokenHint: "This server takes API tokens. Make one on the server, with the command below, and paste it here. It is kept in this page's memory only, so a reload asks for it again.",
    tokenCommand: "daemonsec-ctl api-tokens create --name dashboard --scopes '*' --ttl 12h",
    token: "API token", user: "User", password: "Password", totp: "Code of your authenticator, if you use one",
    enter: "Sign in", useToken: "Use an API token instead", useUser: "Use a user and password instead",
    refusedToken: "The server does not know this token, or it has expired.",
    refused: "User, password or code is wrong.",
    throttled: "Too many attempts. Wait a little, then try again.",
    out: "Sign out", as: (who: string, role: string) => (role ? `${who}, ${role}` : who),
    byToken: "Signed in with an API token",
  },
  theme: { label: "Colours", auto: "As the system", light: "Light", dark: "Dark" },
  zone: { local: "Local time", utc: "UTC" },
  mode: {
    monitor: "Monitor", active: "Active", prevent: "Prevent",
    monitorLong: "Monitor mode: it tells, it changes nothing.",
    activeLong: "Active mode: it reacts to what it is sure of, for a limited time, and each reaction can be undone.",
    preventLong: "Prevent mode: what is not normal is stopped before it happens.",
    paused: "Reactions paused",
  },
  live: {
    on: "Live", off: "Refreshing", waiting: "Reconnecting", down: "No answer",
    alert: (severity: string, title: string) => `New alert, ${severity}: ${title}`,
  },
  keys: {
    title: "Keys", open: "Show the keys",
    rows: [
      ["j / k", "next / previous in a list"], ["Enter", "open what is selected"], ["Esc", "close the panel"],
      ["/", "search"], ["e", "acknowledge the alert"], ["c", "close the alert"], ["n", "mark as normal"],
      ["u", "undo the alert's reaction"], ["s", "copy a link to what is shown"],
      ["g then o a v f r m", "go to overview, alerts, events, fleet, reactions, models"], ["?", "these keys"],
    ] as [string, string][],
  },
  act: {
    close: "Close", cancel: "Cancel", copy: "Copy", copied: "Copied", more: "Show more", refresh: "Refresh", clear: "Clear",
    remove: "Remove", save: "Save", apply: "Apply", done: "Done", all: "All", none: "None", yes: "Yes", no: "No", search: "Search",
    undo: "Undo", details: "Details", create: "Create",
  },
  severity: { critical: "Critical", high: "High", medium: "Medium", low: "Low" } as Record<string, string>,
  status: { open: "Open", acknowledged: "Acknowledged", closed: "Closed", all: "All" } as Record<string, string>,
  n,
};
