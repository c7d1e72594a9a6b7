"""A visitor of the containers' network: `guess | once ADDRESS URL NAME` types wrong passwords.

Prints the first and the last status. `guess` claims to come from elsewhere, each time from another address.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
from urllib.parse import urlencode, urlsplit

MOST_TRIES = 30


def main(deed: str, address: str, url: str, name: str) -> None:
    statuses = []
    for number in range(MOST_TRIES if deed == "guess" else 1):
        claimed = {} if deed == "once" else {"X-Forwarded-For": f"10.9.8.{number}"}
        statuses.append(log_in(address, url, name, claimed))
        if statuses[-1] == 429:
            break
    sys.stdout.write(json.dumps({"first": statuses[0], "last": statuses[-1]}))


def log_in(address: str, url: str, name: str, claimed: dict[str, str]) -> int:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(
        place.hostname or "", place.port or 80, timeout=20, source_address=(address, 0)
    )
    host = {"Host": "localhost"}
    connection.request("GET", "/login", headers={**host, **claimed})
    page = connection.getresponse()
    text = page.read().decode()
    cookies = "; ".join(
        value.split(";")[0] for word, value in page.getheaders() if word.lower() == "set-cookie"
    )
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
    assert token, f"{page.status}: {text[:500]}"
    form = {"csrfmiddlewaretoken": token[1], "username": name, "password": "wrong", "next": "/"}
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookies}
    connection.request("POST", "/login", urlencode(form), {**host, **claimed, **kind})
    return connection.getresponse().status


if __name__ == "__main__":
    main(*sys.argv[1:])
