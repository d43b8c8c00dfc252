# SPDX-License-Identifier: GPL-2.0-or-later
"""notify_rows - rows for tests of what people and tools are told, written as the server would."""
import json
import os
import sqlite3
import time


def put_alert(site, number, severity="high", count=1, status="open", title="nginx started /bin/sh", age_s=0):
    """An alert as the detector would write it; the triggers of the store tell that it changed."""
    db = sqlite3.connect(os.path.join(site.state, "control.db"), timeout=20)
    now = int((time.time() - age_s) * 1e6)
    db.execute("INSERT INTO alert(id, key, host, daemon, kind, status, severity, title, reason, score, created_us,"
               " updated_us, first_us, last_us, count, json) VALUES (?,?,1,'nginx','new_child',?,?,?,?,90,?,?,?,?,?,?)"
               " ON CONFLICT(id) DO UPDATE SET severity = excluded.severity, count = excluded.count,"
               " status = excluded.status",
               (f"alr_{number:04}", f"k{number}", status, severity, title, "it never did", now, now, now, now, count,
                json.dumps({"explanation": [{"feature": "child executable", "baseline": "none", "observed": "/bin/sh"}],
                            "peers": {"seen": 0, "of": 312}, "threat": [{"id": "T1059.004", "name": "Unix Shell"}]})))
    db.commit()
    db.close()


def put_host(site):
    db = sqlite3.connect(os.path.join(site.state, "control.db"), timeout=20)
    db.execute("INSERT INTO host(number, id, name, os, kernel, arch, machine_id, boot_id, agent_version, sensors, labels,"
               " status, enrolled_us, last_seen_us, cert_serial, cert_not_after_us, pin) VALUES (1, ?, 'web1', '', '', '',"
               " '', '', '', '', 'web,eu', 1, 0, 0, '', 0, x'00')", (bytes(range(16)),))
    db.commit()
    db.close()
