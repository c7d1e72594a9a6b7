"""What a metric, a target and an output say of each other before anything is run."""

from __future__ import annotations

import pytest

from formats.types import Signature, TensorSpec
from registry.manifest import METRICS, NAMES, Kind, MetricRange
from registry.manifest.fitting import Misfit, Truth, agree, by_rows, misfit, settled
from registry.manifest.metrics import known_name


def asked(name, **changes):
    more = {"k": 1} if name == "top_k" else {"quantile": 0.5} if name == "pinball" else {}
    return MetricRange(**({"name": name, "output": "y", "range": (0, 1)} | more | changes))


def fits(name, target, output, *, kind="i", datatype="FP32", rows="samples", number=100, **changes):
    return misfit(
        asked(name, **changes), Truth(number, target, kind), TensorSpec("y", datatype, output), rows
    )


@pytest.mark.parametrize(
    ("target", "output", "rows"),
    [
        ((), (-1,), "samples"),
        ((), (-1, 1), "samples"),
        ((1,), (-1,), "samples"),
        ((), (1,), "requests"),
        ((), (1, 1), "requests"),
        ((5,), (-1, 5), "samples"),
        ((5,), (-1, -1), "samples"),
        ((5,), (1, -1), "requests"),
        ((8, 8), (-1, -1, -1, -1), "samples"),
        ((-1,), (-1,), "requests"),
        ((), (), "requests"),
        ((7,), (), "samples"),
    ],
)
def test_labels_and_numbers_stand_one_against_one(target, output, rows):
    assert fits("accuracy", target, output, rows=rows, datatype="INT64") is None
    assert fits("mae", target, output, rows=rows, kind="f") is None


@pytest.mark.parametrize(
    ("target", "output", "rows"),
    [
        ((), (-1, 3), "samples"),
        ((3,), (-1, 4), "samples"),
        ((3,), (-1,), "samples"),
        ((3, 4), (-1, 4, 3), "samples"),
        ((-1,), (4,), "requests"),
        ((2,), (1, 3), "requests"),
    ],
)
def test_what_has_nothing_to_stand_against_does_not_fit(target, output, rows):
    assert "a row of the target" in str(fits("accuracy", target, output, rows=rows, datatype="INT64"))
    assert "a row of the target" in str(fits("mae", target, output, rows=rows, kind="f"))


@pytest.mark.parametrize(
    ("target", "output", "rows"),
    [
        ((), (-1, 3), "samples"),
        ((), (1, 3), "requests"),
        ((), (-1,), "samples"),
        ((), (-1, 1), "samples"),
        ((5,), (-1, 5, 3), "samples"),
        ((5,), (-1, -1, -1), "samples"),
        ((8, 8), (-1, 3, 8, 8), "samples"),
        ((8, 8), (-1, 8, 8, 3), "samples"),
        ((-1,), (-1, 3), "requests"),
        ((-1,), (1, -1, 3), "requests"),
        ((3,), (-1, 3), "samples"),
    ],
)
@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].kind is Kind.PROBABILITY])
def test_scores_have_an_axis_of_classes_more(name, target, output, rows):
    assert fits(name, target, output, rows=rows) is None


def test_scores_that_cannot_be_laid_across_do_not_fit():
    assert "only an axis of classes" in str(fits("log_loss", (5,), (-1, 4, 3)))
    assert "Say which" in str(fits("log_loss", (3,), (-1, 3, 3)))
    assert fits("log_loss", (3,), (-1, 3, 3), class_axis="first") is None
    assert "only an axis" in str(fits("log_loss", (5,), (-1, 5, 3), class_axis="first"))


def test_texts_need_their_order_and_numbers_do_not():
    reason = fits("log_loss", (), (-1, 3), kind="U")
    assert reason.field == "metric.classes"
    assert "order of the columns" in str(reason)
    assert fits("log_loss", (), (-1, 3), kind="U", classes=("a", "b", "c")) is None
    assert "2 labels, y 3 columns" in str(fits("log_loss", (), (-1, 3), kind="U", classes=("a", "b")))
    assert fits("log_loss", (), (-1, 1), kind="U", classes=("a", "b")) is None
    assert fits("log_loss", (), (-1, -1), kind="U", classes=("a", "b")) is None
    assert "texts" in str(fits("accuracy", (), (-1,), kind="U", datatype="INT64"))
    assert "texts" in str(fits("accuracy", (), (-1,), datatype="BYTES"))
    assert fits("accuracy", (), (-1,), kind="U", datatype="BYTES") is None
    assert "numbers" in str(fits("mae", (), (-1,), kind="U"))
    assert "scores" in str(fits("roc_auc", (), (-1,), datatype="BOOL"))


def test_labels_of_their_own_lie_on_one_axis():
    assert fits("f1_macro", (3,), (-1, 3), reading="labels") is None
    for target in ((), (3, 3)):
        reason = fits("f1_macro", target, (-1, *target), reading="labels")
        assert reason.field == "metric.reading"


def test_more_scores_than_can_be_put_in_order_are_refused_at_once():
    many = {"number": 100_000, "target": (64, 64), "output": (-1, 64, 64)}
    assert "puts all scores in order" in str(fits("roc_auc", **many))
    assert fits("log_loss", **many) is None
    assert fits("mae", **many, kind="f") is None
    assert "puts all scores" in str(fits("median_ae", **many, kind="f"))
    assert fits("roc_auc", (), (-1,), number=20_000_000) is None


OUTPUTS = (TensorSpec("label", "INT64", (-1,)), TensorSpec("p", "FP32", (-1, 3)))


def test_the_output_is_implied_where_one_fits():
    def implied(name, outputs=OUTPUTS, shape=()):
        return settled(asked(name, output=None), Truth(9, shape, "i"), outputs, "samples").output

    assert implied("accuracy") == "label"
    assert implied("log_loss") == "p"
    assert implied("roc_auc", (OUTPUTS[0], TensorSpec("score", "FP32", (-1,)))) == "score"
    with pytest.raises(Misfit, match=r"metric\.output is missing: of the outputs .* all fit"):
        implied("mae", (TensorSpec("a", "FP32", (-1,)), TensorSpec("b", "FP32", (-1,))))
    with pytest.raises(Misfit, match="none fits"):
        implied("mae", shape=(9,))
    with pytest.raises(Misfit, match=r"shape \[3\]"):
        implied("accuracy", OUTPUTS[1:])
    with pytest.raises(Misfit, match="no output 'z'"):
        settled(asked("mae", output="z"), Truth(9, (), "i"), OUTPUTS, "samples")


def test_a_free_axis_of_the_target_is_one_that_differs():
    assert agree((-1,), (-1,))
    assert not agree((4,), (-1,))
    assert not agree((-1, 4), (-1,))


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("accuracy_score", "accuracy"),
        ("F1-Macro", "f1_macro"),
        ("mean_absolute_error", "mae"),
        ("mean squared error", "mse"),
        ("roc_auc_score", "roc_auc"),
        ("mIoU", "jaccard_macro"),
        ("r2_score", "r2"),
    ],
)
def test_metrics_are_understood_by_the_names_that_people_know(word, name):
    assert known_name(word) == (name, False)


def test_only_losses_have_a_sign_to_turn():
    assert known_name("neg_mean_absolute_error") == ("mae", True)
    assert known_name("neg_accuracy") is None
    assert known_name("acuracy") is None


def test_no_name_means_two_metrics():
    names = [name for metric in METRICS.values() for name in (metric.name, *metric.aliases)]
    assert sorted(names) == sorted(NAMES)


BOXES = (
    TensorSpec("boxes", "FP32", (-1, 4)),
    TensorSpec("scores", "FP32", (-1,)),
    TensorSpec("labels", "BYTES", (-1,)),
)


@pytest.mark.parametrize(
    ("target", "output", "changes", "said"),
    [
        ((-1, 5), (-1, 6), {}, None),
        ((7, 4), (1, -1, 5), {}, None),
        ((-1, 5), (-1, 4), {"scores": "s"}, None),
        ((-1, 5), (-1, 4), {}, "the score and the class"),
        ((-1, 5), (-1, 6), {"scores": "s"}, "each of 4 numbers"),
        ((-1,), (-1, 6), {}, "one image's boxes"),
        ((-1, 6), (-1, 6), {}, "one image's boxes"),
    ],
)
def test_boxes_have_a_line_each(target, output, changes, said):
    reason = fits("mean_average_precision", target, output, kind="f", rows="requests", **changes)
    assert (reason is None) if said is None else (said in str(reason))


def test_outputs_beside_the_boxes_must_be_there():
    truth = Truth(9, (-1, 5), "f")
    metric = asked("mean_average_precision", output=None, scores="scores")
    assert settled(metric, truth, BOXES, "requests").output == "boxes"
    for changes in ({"scores": "score"}, {"scores": "scores", "labels": "labels"}):
        with pytest.raises(Misfit, match=r"no output '(score|labels)' of numbers"):
            settled(asked("mean_average_precision", output="boxes", **changes), truth, BOXES, "requests")


def graph(expected=("FP32", (-1, 3)), got=("FP32", (-1, 3)), output="FP32", name="got"):
    inputs = (TensorSpec("expected", *expected), TensorSpec(name, *got))
    return Signature(inputs, (TensorSpec("value", output, (-1,)),))


@pytest.mark.parametrize(
    ("of", "target", "output", "rows", "many"),
    [
        (graph(), (3,), (-1, 3), "samples", True),
        (graph(), (3,), (-1, -1), "samples", True),
        (graph(), (3,), (), "samples", True),
        (graph(("FP32", (3,)), ("FP32", (3,))), (3,), (-1, 3), "samples", False),
        (graph(("FP32", (-1, 5)), ("FP32", (-1, 6))), (-1, 5), (-1, 6), "requests", False),
    ],
)
def test_a_metrics_graph_takes_rows_alone_or_many_at_once(of, target, output, rows, many):
    spec, truth = TensorSpec("y", "FP32", output), Truth(9, target, "f")
    own = asked("own", higher_is_better=True)

    assert settled(own, truth, (spec,), rows, of) == own
    row = (output[1:] if rows == "samples" else output) or None
    assert by_rows(of, target, row) is not many


@pytest.mark.parametrize(
    ("of", "kind", "said"),
    [
        (graph(name="predicted"), "f", "must take expected and got"),
        (graph(output="BYTES"), "f", "a number per row"),
        (graph(("INT64", (-1, 3))), "f", "holds float64, the metric's graph takes INT64"),
        (graph(), "U", "holds texts"),
        (graph(got=("FP64", (-1, 3))), "f", "takes FP64 as got"),
        (graph(("FP32", (-1, 4))), "f", "a row of the target has shape [3]"),
    ],
)
def test_a_metrics_graph_that_cannot_judge_is_told(of, kind, said):
    output = TensorSpec("y", "FP32", (-1, 3))
    with pytest.raises(Misfit) as refused:
        settled(asked("own", higher_is_better=True), Truth(9, (3,), kind), (output,), "samples", of)
    assert said in str(refused.value)
    assert refused.value.field == "files.metric"
