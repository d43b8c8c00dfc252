# SPDX-License-Identifier: GPL-2.0-or-later
"""person - somebody who signs in at the API of a Site, as a browser does."""
import http.client, json

HTTP = ("127.0.0.1", 7480)


class Person:
    """A browser: keeps the cookie and the token against forgery. `source` is the address that it comes from."""

    def __init__(self, source="127.0.0.1"):
        self.cookie = self.csrf = None
        self.source = source

    def ask(self, method, path, body=None, **headers):
        c = http.client.HTTPConnection(*HTTP, timeout=60, source_address=(self.source, 0))
        h = {k.replace("_", "-"): v for k, v in headers.items() if v is not None}
        if self.cookie:
            h["Cookie"] = self.cookie
        if self.csrf and "X_CSRF_Token" not in headers:
            h["X-CSRF-Token"] = self.csrf
        if body is not None:
            h["Content-Type"] = "application/json"
        c.request(method, "/api/v1/" + path, None if body is None else json.dumps(body), h)
        r = c.getresponse()
        text = r.read()
        if r.getheader("Set-Cookie"):
            self.cookie = r.getheader("Set-Cookie").split(";")[0]
            self.attributes = r.getheader("Set-Cookie")
        c.close()
        self.retry_after = r.getheader("Retry-After")
        doc = json.loads(text) if text else {}
        if isinstance(doc, dict) and "csrf" in doc:
            self.csrf = doc["csrf"]
        return r.status, doc

    def sign_in(self, user, password, **more):
        return self.ask("POST", "session", {"user": user, "password": password, **more})
