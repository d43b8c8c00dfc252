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


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--server", required=True, help="https://host:port of the API")
    p.add_argument("--token-file", required=True, help="file with an API token")
    p.add_argument("--place", required=True, help="file that remembers where we were")
    options = p.parse_args()
    with open(options.token_file, encoding="utf-8") as f:
        options.token = f.read().strip()
    now = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    place = load(options.place)
    since, seen = place.get("updated", now), set(place.get("seen", []))
    newest, ids = since, set(seen)
    for alert in pages(options, "alerts", {"q": f"updated>={since}", "limit": 500}):
        if alert["updated"] == since and alert["id"] in seen:
            continue
        print(json.dumps(alert, separators=(",", ":")))
        if alert["updated"] > newest:
            newest, ids = alert["updated"], set()
        if alert["updated"] == newest:
            ids.add(alert["id"])
    place = {"updated": newest, "seen": sorted(ids)}
    sys.stdout.flush()
    save(options.place, place)


if __name__ == "__main__":
    main()
