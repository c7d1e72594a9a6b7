"""The demonstration's model versions: which are made, in which order, and what each must come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo import lab
from demo.folders import Promise, Subject, write
from demo.lab import Data, Trained

DIGITS = Subject(
    model="digits",
    title="Handwritten digits",
    input_name="pixels",
    input_facts={
        "description": "8x8 grey image, row by row",
        "unit": "0-16",
        "range": [0, 16],
        "sensitive": False,
    },
    label="the digit, 0 to 9",
    probabilities="one column per digit, in order",
    words={
        "use": "Reads one handwritten digit from a small, centred image, for sorting forms.",
        "limits": "Knows nothing but digits: any other picture still gets a digit. Light ink reads worse.",
        "about": "1,797 images by 43 people, bundled with scikit-learn (UCI ML hand-written digits).",
        "ethics": "The writers are not named in the data. A person must check amounts of money.",
    },
)
BREAST_CANCER = Subject(
    model="breast-cancer",
    title="Breast mass: malignant or benign",
    input_name="measurements",
    input_facts={
        "description": "measurements of cell nuclei in an image of a fine needle aspirate",
        "unit": "as in the data set",
        "sensitive": True,
    },
    label="0 malignant, 1 benign",
    probabilities="malignant, benign",
    words={
        "use": "Second opinion that orders cases for a pathologist. Never a diagnosis by itself.",
        "limits": "569 cases from one hospital; other scanners give other measurements.",
        "about": "Breast Cancer Wisconsin (diagnostic), bundled with scikit-learn.",
        "ethics": "Health data. A miss costs more than a false alarm: read the probability.",
    },
)
WINE = Subject(
    model="wine",
    title="Which cultivar a wine was made from",
    input_name="measurements",
    input_facts={
        "description": "chemical analysis of one bottle, raw values",
        "unit": "as in the data set",
        "sensitive": False,
    },
    label="cultivar, 0 to 2",
    probabilities="one column per cultivar",
    words={
        "use": "Checks the label of a bottle against its chemistry.",
        "limits": "Three cultivars of one region; any other wine still gets one of them.",
        "about": "178 wines, bundled with scikit-learn (UCI ML wine).",
        "ethics": "No personal data.",
    },
)


@dataclass(frozen=True, slots=True)
class DemoVersion:
    """One version to be made. `fails` names the gate that must refuse it, None where it must pass."""

    folder: str
    model: str
    about: str
    fails: str | None
    make: Callable[[Path], Path]


def _digits(folder: Path, data: Data, trained: Trained, change: str) -> Path:
    promise = Promise("accuracy", "label", low=0.93, tags={"team": "vision", "change": change})
    return write(folder, DIGITS, data, trained, promise)


def _digits_baseline(folder: Path) -> Path:
    data = lab.digits()
    trained = lab.network(data, DIGITS.input_name, hidden_layer_sizes=[16], max_iter=150)
    return _digits(folder, data, trained, "baseline")


def _digits_wide(folder: Path) -> Path:
    data = lab.digits()
    trained = lab.network(data, DIGITS.input_name, hidden_layer_sizes=[64], max_iter=200)
    return _digits(folder, data, trained, "wider")


def _digits_weak(folder: Path) -> Path:
    data = lab.digits()
    trained = lab.network(data, DIGITS.input_name, hidden_layer_sizes=[10], max_iter=100)
    return _digits(folder, data, trained, "smaller")


def _digits_frail(folder: Path) -> Path:
    data = lab.digits()
    trained = lab.network(data, DIGITS.input_name, hidden_layer_sizes=[40], max_iter=200)
    return _digits(folder, data, lab.frail(trained, DIGITS.input_name), "deeper look-up")


def _digits_third(folder: Path) -> Path:
    data = lab.digits()
    trained = lab.network(data, DIGITS.input_name, hidden_layer_sizes=[48], max_iter=200)
    return _digits(folder, data, trained, "wider, again")


def _breast_cancer(folder: Path) -> Path:
    data = lab.breast_cancer()
    trained = lab.boosted_trees(data, BREAST_CANCER.input_name, n_estimators=60, max_depth=3)
    promise = Promise("roc_auc", "probabilities", low=0.95, tags={"team": "pathology"})
    return write(folder, BREAST_CANCER, data, trained, promise)


def _wine(folder: Path, spoiled_row: int | None = None) -> Path:
    data = lab.wine()
    trained = lab.scaled_network(
        data, WINE.input_name, hidden_layer_sizes=[16], solver="lbfgs", alpha=1.0, max_iter=200
    )
    promise = Promise(
        "accuracy", "label", low=0.85, margin=0.03, spoiled_row=spoiled_row, tags={"team": "cellar"}
    )
    return write(folder, WINE, data, trained, promise)


def _wine_spoiled(folder: Path) -> Path:
    return _wine(folder, spoiled_row=3)


VERSIONS = (
    DemoVersion("digits-1", "digits", "small network, the baseline", None, _digits_baseline),
    DemoVersion("breast-cancer-1", "breast-cancer", "gradient boosting", None, _breast_cancer),
    DemoVersion("wine-1", "wine", "network with its scaler as the extractor", None, _wine),
    DemoVersion("digits-weak", "digits", "too small for its declared range", "confidence", _digits_weak),
    DemoVersion("wine-spoiled", "wine", "row 3 expects a wrong answer", "end_to_end", _wine_spoiled),
    DemoVersion("digits-2", "digits", "wider network, the successor", None, _digits_wide),
    DemoVersion("digits-frail", "digits", "has no answer to one scan in fifty", None, _digits_frail),
    DemoVersion("digits-3", "digits", "wider network, without that fault", None, _digits_third),
)


def build(root: Path) -> dict[str, Path]:
    """Train and convert every version into `root/<folder>`; deterministic, about five seconds in all."""
    return {version.folder: version.make(root / version.folder) for version in VERSIONS}
