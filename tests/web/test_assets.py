"""Static files carry a hash and live long; text travels compressed where no secret can be told by it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpResponse
from django.test import Client

from config import assets
from tests.web.test_access import read_all

pytestmark = pytest.mark.django_db
GZIP = {"Accept-Encoding": "gzip"}


def body(response) -> bytes:
    """All of it; what is served from a file is closed."""
    content = b"".join(response)
    response.close()
    return content


def test_every_static_file_of_a_page_carries_its_hash_and_lives_long(world, as_):
    html = as_("vera").get("/").content.decode()
    found = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', html))
    assert len(found) >= 8
    for address in found:
        response = Client().get(address)
        content = body(response)
        assert response.status_code == 200, address
        assert f".{assets.digest(content)}." in address
        assert "immutable" in response["Cache-Control"], address


def test_a_file_is_still_found_under_its_own_name_and_not_for_ever():
    response = Client().get("/static/css/base.css")
    assert body(response)
    assert "immutable" not in response["Cache-Control"]
    assert Client().get("/static/css/base.0123456789ab.css").status_code == 404


def test_who_looks_for_a_file_at_each_request_finds_it_by_its_hashed_name():
    hashed = staticfiles_storage.url("css/base.css").removeprefix("/static/")
    assert finders.find(hashed) == finders.find("css/base.css")
    assert finders.find("css/base.0123456789ab.css") is None


def test_a_hash_on_disk_is_that_of_its_bytes():
    files = [
        path for path in Path(settings.STATICFILES_DIRS[0]).rglob("*") if assets.HASHED.search(path.name)
    ]
    assert files
    for path in files:
        assert f".{assets.digest(path.read_bytes())}." in path.name


def test_a_style_sheet_asks_for_the_very_font_that_pages_load_ahead(world, as_):
    html = as_("vera").get("/").content.decode()
    font = re.search(r'href="(/static/[^"]+woff2)"', html)[1]
    sheet = Path(settings.STATICFILES_DIRS[0], "css/tokens.css").read_text()
    assert font.removeprefix("/static/") in sheet


def test_a_name_that_is_not_there_is_left_as_it_is():
    assert staticfiles_storage.url("css/none.css") == "/static/css/none.css"


def test_pages_and_style_sheets_travel_compressed(world, as_):
    client = as_("vera")
    plain, packed = client.get("/"), client.get("/", headers=GZIP)
    assert packed["Content-Encoding"] == "gzip"
    assert b"</html>" in gzip.decompress(packed.content)
    assert len(packed.content) * 2 < len(plain.content)
    assert "Content-Encoding" not in plain
    sheet = client.get("/static/css/base.css", headers=GZIP)
    assert gzip.decompress(body(sheet)).startswith(b"/*")


def test_what_could_be_guessed_by_its_size_travels_as_it_is(world, as_):
    client = as_("chloe")
    made = client.post("/tokens/", {"name": "x", "scopes": "score", "all_models": "on"}, headers=GZIP)
    assert "Content-Encoding" not in made
    assert "Content-Encoding" not in client.get("/", headers=GZIP | {"Sec-Fetch-Site": "cross-site"})
    assert "Content-Encoding" not in client.get("/api/v1/models/digits", headers=GZIP)
    download = read_all(client.get("/models/digits/versions/2/files/card", headers=GZIP))
    assert "Content-Encoding" not in download
    assert "Content-Encoding" in client.get("/", headers=GZIP | {"Sec-Fetch-Site": "same-origin"})


def test_what_may_not_be_stored_travels_as_it_is(rf):
    request, response = rf.get("/", headers=GZIP), HttpResponse("word " * 100)
    assert assets.Compression.fits(request, response)
    response["Cache-Control"] = "private, no-store"
    assert not assets.Compression.fits(request, response)
