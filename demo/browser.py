"""People: log in, read the page, press the buttons that are on it. No JavaScript is needed for that."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx


@dataclass(slots=True)
class Form:
    """One form of a page: where it goes and what it already holds."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(values.get("action", ""), values.get("method", "get").lower())
            self.forms.append(self._open)
        elif tag == "input" and self._open is not None and values.get("type") == "hidden":
            self._open.fields[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def read_forms(page: str) -> list[Form]:
    """The forms of an HTML page, in order, with their hidden fields."""
    reader = _Forms()
    reader.feed(page)
    return reader.forms


class Browser:
    """One person's browser, with its cookies."""

    def __init__(self, base_url: str, name: str) -> None:
        self.name = name
        self._http = httpx.Client(base_url=base_url, follow_redirects=True, timeout=60.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def log_in(self, password: str) -> None:
        """Raises httpx.HTTPError when the page does not let the person in."""
        form = next(form for form in self._forms("/login") if "next" in form.fields)
        answer = self._send("/login", form, username=self.name, password=password)
        if answer.status_code != 200 or answer.url.path == "/login":
            raise httpx.HTTPError(f"{self.name} could not log in: {answer.status_code}")

    def sign(self, release: int, slot: str, verdict: str, grounds: str) -> bool:
        """Sign a slot through the release page. False when the page offers no such form."""
        page = f"/releases/{release}/"
        for form in self._forms(page):
            if form.action.endswith("/reviews") and form.fields.get("slot") == slot:
                return self._send(page, form, verdict=verdict, grounds=grounds).status_code == 200
        return False

    def act(self, release: int, action: str, grounds: str, typed: str) -> bool:
        """Press one of the release's buttons. False when it is not there."""
        page = f"/releases/{release}/"
        for form in self._forms(page):
            if form.action.endswith(f"/actions/{action}"):
                return self._send(page, form, grounds=grounds, typed=typed).status_code == 200
        return False

    def fill(self, page: str, action: str, **typed: object) -> httpx.Response:
        """Send the form of a page whose address ends so, empty for the page's own. Raises LookupError."""
        for form in self._forms(page):
            if form.action.endswith(action) and (action or not form.action):
                return self._send(page, form, **typed)
        raise LookupError(f"{page} has no form to {action or 'itself'}")

    def read(self, page: str) -> str:
        """A page as it is sent."""
        answer = self._http.get(page)
        answer.raise_for_status()
        return answer.text

    def api(self, address: str) -> Any:
        """What the API tells this session."""
        answer = self._http.get(f"/api/v1{address}")
        answer.raise_for_status()
        return answer.json()

    def _forms(self, page: str) -> list[Form]:
        return [form for form in read_forms(self.read(page)) if form.method == "post"]

    def _send(self, page: str, form: Form, **typed: object) -> httpx.Response:
        where = str(self._http.base_url.join(page))
        return self._http.post(form.action or page, data=form.fields | typed, headers={"Referer": where})
