#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetches alerts that are new or changed from DaemonSec's API, page by page, and prints a JSON document a line. The place is
kept in a file, so that it can run from cron; what was printed before a crash of this script is printed again."""
import argparse
import datetime
import json
import os
import sys
import urllib.parse
import urllib.request

OVERLAP_S = 30


def pages(options, collection, query):
    """The items of a list, over all its pages."""
    while True:
        request = urllib.request.Request(f"{options.server}/api/v1/{collection}?{urllib.parse.urlencode(query)}",
                                         headers={"Authorization": "Bearer " + options.token})
        with urllib.request.urlopen(request, timeout=60) as answer:
            page = json.load(answer)
        yield from page["items"]
        if not page.get("next_cursor"):
            return
        query["cursor"] = page["next_cursor"]


def load(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def save(path, place):
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(place, f)
        f.flush()
        os.fsync(f.fileno())
    os.replace(path + ".new", path)


def stamp(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def earlier(text):
    """What was stamped shortly before the newest may have been stored after it: it is asked for again."""
    return stamp(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime.timedelta(seconds=OVERLAP_S))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--server", required=True, help="https://host:port of the API")
    p.add_argument("--token-file", required=True, help="file with an API token")
    p.add_argument("--place", required=True, help="file that remembers where we were")
    options = p.parse_args()
    with open(options.token_file, encoding="utf-8") as f:
        options.token = f.read().strip()
    place = load(options.place)
    newest = place.get("updated") or stamp(datetime.datetime.now(datetime.timezone.utc))
    seen = place.get("seen", {})  # what was printed of the last seconds: id -> as of when
    for alert in pages(options, "alerts", {"q": f"updated>={earlier(newest)}", "limit": 500}):
        known = seen.get(alert["id"]) == alert["updated"] or (not place and alert["updated"] < newest)
        seen[alert["id"]] = alert["updated"]
        if not known:
            print(json.dumps(alert, separators=(",", ":")))
    newest = max([newest, *seen.values()])
    seen = {id: at for id, at in seen.items() if at >= earlier(newest)}
    place = {"updated": newest, "seen": seen}
    sys.stdout.flush()
    save(options.place, place)


if __name__ == "__main__":
    main()
