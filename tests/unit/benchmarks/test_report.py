"""The tables and the picture of docs/performance.md: written rightly, from the committed figures."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from benchmarks import picture, report
from benchmarks.__main__ import PAGE, PICTURE, RESULTS

BOUNDS = "the bounds: 20 x, the same libraries, bare: 14.3 x"


def figures(cpu_us, **ratios):
    return {"cpu_us": cpu_us, "rate": 1e6 / cpu_us, "p50_ms": 0.25, "p99_ms": 1.5, **ratios}


def case(rows=1, **more):
    return {
        "workload": "W1",
        "words": "small",
        "rows": rows,
        "run_us": 4.0,
        "servers": {
            "FastAPI": figures(200.0, to_bounds=20.0, to_fastapi=1.0),
            "Assay": figures(16.0, to_bounds=1.6, to_fastapi=12.5),
            "the same libraries, bare": figures(14.0, to_bounds=1.4, to_fastapi=14.3),
            "HTTP hello": figures(6.0),
        },
        **more,
    }


def document(*cases, measures=(), absent=None):
    machine = {"cpu": "a core", "cores": 2, "load": 0.1, "python": "3.11.7", "onnxruntime": "1.0"}
    pace = {"seconds": 1.0, "rounds": 3, "connections": 16}
    return {
        "at": "2026-01-02",
        "machine": machine,
        "pace": pace,
        "versions": {"FastAPI": {"fastapi": "0.1", "uvicorn": "0.2"}},
        "absent": absent or {},
        "capacity": list(cases),
        "measures": list(measures),
    }


def measure(value, reach, **more):
    return {"name": "p99", "value": value, "unit": "x", "detail": "d", "reach": reach, "least": False, **more}


def test_a_case_is_a_table_cheapest_first_with_the_bounds_last():
    assert report.markdown(document(case())).split("\n\n")[2].splitlines() == [
        "| server | CPU µs / request | requests / s | p50 ms | p99 ms "
        "| capacity to FastAPI | CPU to the bounds |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| the same libraries, bare | 14 | 71,429 | 0.25 | 1.5 | 14.3 x | 1.4 x |",
        "| Assay | 16 | 62,500 | 0.25 | 1.5 | 12.5 x | 1.6 x |",
        "| FastAPI | 200 | 5,000 | 0.25 | 1.5 | 1 x | 20 x |",
        "| bounds: an HTTP hello + `session.run` | 6 + 4 |  |  |  |  | 1 x |",
    ]


def test_aims_are_judged_by_the_figures():
    found = report.markdown(document(case()))
    assert f"| W1, one row: capacity to FastAPI | 12.5 x ({BOUNDS}) | ≥ 12 x | reached |" in found
    assert "| W1, one row: CPU to the bounds | 1.6 x | ≤ 1.7 x | reached |" in found
    slow = case()
    slow["servers"]["Assay"] = figures(20.0, to_bounds=2.0, to_fastapi=10.0)
    found = report.markdown(document(slow))
    assert f"| W1, one row: capacity to FastAPI | 10 x ({BOUNDS}) | ≥ 12 x | **not reached** |" in found
    assert "| W1, one row: CPU to the bounds | 2 x | ≤ 1.7 x | **not reached** |" in found


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (measure(2.0, 2.0), "≤ 2 x | reached |"),
        (measure(2.1, 2.0), "≤ 2 x | **not reached** |"),
        (measure(0.0, 0.0), "none | reached |"),
        (measure(1.0, 0.0), "none | **not reached** |"),
        (measure(1.9, 2.0, least=True), "≥ 2 x | **not reached** |"),
        (measure(9.0, None), " |  |"),
    ],
)
def test_a_measure_is_judged_by_its_own_bound(given, verdict):
    assert report.markdown(document(measures=[given])).endswith(verdict)


def test_what_was_not_measured_is_named_with_the_reason():
    assert report.markdown(document(absent={"KServe": "no wheel"})).endswith(
        "Not measured: KServe: no wheel."
    )


def test_figures_of_a_busy_machine_say_so():
    quiet = document(case())
    busy = {**quiet, "machine": {**quiet["machine"], "load": 1.5}}
    assert "busy" in report.markdown(busy)
    assert "busy" not in report.markdown(quiet)


def test_without_fastapi_there_are_figures_and_no_ratios_to_it():
    alone = case()
    del alone["servers"]["FastAPI"], alone["servers"]["Assay"]["to_fastapi"]
    found = report.markdown(document(alone))
    assert "| Assay | 16 | 62,500 | 0.25 | 1.5 |  | 1.6 x |" in found
    assert "capacity to FastAPI |" not in found.split("What was to be reached")[1]


def test_the_picture_has_a_bar_for_each_server_as_long_as_its_capacity():
    root = ElementTree.fromstring(picture.draw(document(case(), case(rows=100))))  # noqa: S314 - our own
    bars = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(bars) == 2
    assert bars[0] / bars[1] == pytest.approx(200 / 16, rel=0.01)


def test_the_page_and_the_picture_are_those_of_the_committed_figures():
    kept = json.loads(RESULTS.read_text())
    page = PAGE.read_text()
    assert page == report.between_markers(page, report.markdown(kept)), "run: make bench WRITE=1"
    assert PICTURE.read_text() == picture.draw(kept), "run: make bench WRITE=1"
