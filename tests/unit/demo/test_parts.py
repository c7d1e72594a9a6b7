from __future__ import annotations

import io

import pytest

from demo.browser import read_forms
from demo.telling import Stopped, Teller, milliseconds

PAGE = """
<form action="/search"><input name="q"></form>
<form method="post" action="/releases/7/reviews">
  <input type="hidden" name="csrfmiddlewaretoken" value="abc">
  <input type="hidden" name="slot" value="privacy">
  <textarea name="grounds"></textarea><button>Sign</button>
</form>
"""


def test_a_browser_finds_the_forms_that_a_page_offers():
    search, sign = read_forms(PAGE)

    assert (search.method, search.action) == ("get", "/search")
    assert (sign.method, sign.action) == ("post", "/releases/7/reviews")
    assert sign.fields == {"csrfmiddlewaretoken": "abc", "slot": "privacy"}


def test_what_is_wrong_is_told_at_the_end_and_fails_the_demo():
    out = io.StringIO()
    tell = Teller(out=out)
    tell.step("Scoring")
    tell.check(True, "answers", "200")
    tell.check(False, "failed requests", "3")

    assert tell.end() is False
    assert "step 1, failed requests: 3" in out.getvalue()
    assert "\033[" not in out.getvalue()


def test_a_demo_without_anything_wrong_says_so():
    assert Teller(out=io.StringIO()).end() is True


def test_what_nothing_can_go_on_without_stops_the_journey():
    with pytest.raises(Stopped, match="log in"):
        Teller(out=io.StringIO()).require(False, "log in", "401")


def test_latencies_are_order_statistics_in_milliseconds():
    assert milliseconds([n / 1000 for n in range(100)]) == "p50 50.00 ms, p90 90.00 ms, p99 99.00 ms"
    assert milliseconds([]) == "no answers"
