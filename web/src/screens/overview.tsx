// overview - whether anything is wrong, what DaemonSec did about it, and how to undo it.
import { status } from "../state";
import { t } from "../text";

export function Overview() {
  const s = status.value;
  return <div class="screen"><h1>{t.nav.overview}</h1>{s && <p>{t.n(s.counts.alerts.open, "open alert", "open alerts")}</p>}</div>;
}
