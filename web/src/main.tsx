// SPDX-License-Identifier: GPL-2.0-or-later
// main - starts the dashboard: who are you, where are you, and the screen for it.
import { Component, render, type ComponentChildren, type ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { signal, useSignal } from "@preact/signals";
import { get, remembered, resume, session, signedIn } from "./api";
import { begin, startStream, useData } from "./data";
import { status, type Status } from "./state";
import { t } from "./text";
import "./theme";
import { parts } from "./url";
import { Button, Note } from "./ui/basic";
import { PageToasts } from "./ui/dialog";
import { Shell } from "./ui/shell";
import { ChoosePassword, Login, LoginAgain } from "./screens/login";
import { Overview, summary } from "./screens/overview";

// Screens are read when they are first looked at; a screen is a row.
type Screen = ComponentType<{ id: string }>;
const later = (load: () => Promise<Screen>): Screen => {
  const loaded = signal<Screen | null>(null);
  const failed = signal("");
  return ({ id }) => {
    useEffect(() => { load().then((s) => { loaded.value = s; }, (e: Error) => { failed.value = e.message; }); }, []);
    const Loaded = loaded.value;
    // After an update of the server it has another name, which a reload finds out.
    if (failed.value) return <Note kind="bad"><p>{t.error.offline}</p><Button onClick={() => location.reload()}>{t.error.reload}</Button></Note>;
    return Loaded ? <Loaded id={id} /> : <div class="waiting" role="status" />;
  };
};
const alerts = () => import("./screens/alerts");
const table: Record<string, Screen> = {
  "": Overview,
  overview: Overview,
  alerts: later(() => alerts().then((m) => m.Alerts)),
  events: later(() => import("./screens/events").then((m) => m.Events)),
  fleet: later(() => import("./screens/fleet").then((m) => m.Fleet)),
  hosts: later(() => import("./screens/host").then((m) => m.Host)),
  daemons: later(() => import("./screens/daemon").then((m) => m.DaemonOrAll)),
  reactions: later(() => import("./screens/reactions").then((m) => m.Reactions)),
  models: later(() => import("./screens/models").then((m) => m.Models)),
  rollout: later(() => import("./screens/rollout").then((m) => m.Rollout)),
  settings: later(() => import("./screens/settings").then((m) => m.Settings)),
};

class Guard extends Component<{ children: ComponentChildren; at: string }, { failed: boolean }> {
  state = { failed: false };
  static getDerivedStateFromError() { return { failed: true }; }
  componentDidCatch(e: unknown) { console.error(e); }
  componentDidUpdate(before: { at: string }) { if (before.at !== this.props.at && this.state.failed) this.setState({ failed: false }); }
  render() {
    return this.state.failed ? <Note kind="bad"><p>{t.error.crash}</p><Button onClick={() => this.setState({ failed: false })}>{t.error.again}</Button></Note>
      : this.props.children;
  }
}

function Screens() {
  const s = useData("status", (signal) => get<Status>("status", undefined, signal), { every: 5, on: ["status"] });
  useEffect(() => { if (s.data) status.value = s.data; }, [s.data]);
  useEffect(startStream, []);
  const [first = "", id = ""] = parts.value;
  const Here = table[first];
  return (
    <Shell>
      <Guard at={first + id}>{Here ? <Here id={id} /> : <Note><p>{t.error.nothing}</p><a class="button" href="/">{t.error.home}</a></Note>}</Guard>
    </Shell>
  );
}

function App() {
  const started = useSignal(false);
  useEffect(() => { void resume().finally(() => { started.value = true; }); }, []);
  if (!started.value || signedIn.value === "asking") return null;
  if (signedIn.value === "no") return <Login />;
  return session.value?.must_change ? <ChoosePassword /> : <><Screens />{signedIn.value === "lost" && <LoginAgain />}</>;
}

if (remembered()) {
  begin("status", () => get<Status>("status"));
  if (["", "overview"].includes(parts.peek()[0] ?? "")) begin("overview 24", () => summary("24"));
}
// Where one goes next is there by then.
window.setTimeout(() => void alerts().catch(() => undefined), 3000);

render(<><App /><PageToasts /></>, document.getElementById("app")!);
