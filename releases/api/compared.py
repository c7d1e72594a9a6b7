"""The JSON of two versions side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from registry.api.asking import Strict
from releases.comparing.rows import Only, Order
from releases.comparing.telling import plain

if TYPE_CHECKING:
    from releases.comparing.comparison import Comparison
    from releases.comparing.kept import Told

TONES = ("better", "worse", "")
CHANGE_TONES = [*TONES, "grave"]
VERDICT_TONES = ["positive", "info", "caution", "danger", "neutral"]


class QualityShape(serializers.Serializer[object]):
    """The metric on the version's own confidence set, with one-sided 95 % bounds and the acceptable range."""

    metric = serializers.CharField()
    value = serializers.FloatField()
    lower = serializers.FloatField(allow_null=True)
    upper = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class SideShape(serializers.Serializer[object]):
    """One version with its newest proof; `release` is null where there is none."""

    version = serializers.IntegerField(source="version.number")
    digest = serializers.CharField(source="version.digest")
    release = serializers.IntegerField(allow_null=True)
    state = serializers.CharField()
    failed = serializers.ListField(child=serializers.CharField(), help_text="Gates that it failed.")
    quality = QualityShape(allow_null=True)
    profile = serializers.CharField(help_text="The hardware of its benchmark.")
    steady = serializers.BooleanField(help_text="Whether its benchmark became steady.")


class RemarkShape(serializers.Serializer[object]):
    tone = serializers.CharField()
    text = serializers.CharField()


class VerdictShape(serializers.Serializer[object]):
    """One sentence on both versions, and what stands against it, the gravest first."""

    tone = serializers.ChoiceField(VERDICT_TONES)
    headline = serializers.CharField()
    remarks = RemarkShape(many=True)


class FiguresShape(serializers.Serializer[object]):
    """One figure of both. `tone` is from the head's side, empty where neither is known to be better."""

    base = serializers.FloatField(allow_null=True)
    head = serializers.FloatField(allow_null=True)
    delta = serializers.FloatField(allow_null=True)
    tone = serializers.ChoiceField(TONES)


class ComparedMeasureShape(FiguresShape):
    name = serializers.CharField()
    unit = serializers.CharField()


class SliceShape(FiguresShape):
    """The metric of both where `name` is `label`; null where one has no such slice."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class PairedShape(serializers.Serializer[object]):
    """Both on the same rows; `difference` is positive where the head is better, its bounds one-sided 95 %."""

    decision = serializers.ChoiceField(["better", "not_worse", "worse", "cannot_tell"])
    difference = serializers.FloatField()
    lower = serializers.FloatField()
    upper = serializers.FloatField()
    margin = serializers.FloatField()
    method = serializers.CharField()
    rows = serializers.IntegerField(allow_null=True)
    rows_needed = serializers.IntegerField(allow_null=True)


class DifferenceShape(serializers.Serializer[object]):
    """What a client would meet; `breaks` says whether it has to change."""

    where = serializers.CharField()
    what = serializers.CharField()
    breaks = serializers.BooleanField()


class SignatureShape(serializers.Serializer[object]):
    compatibility = serializers.ChoiceField(["identical", "additive", "breaking"])
    differences = DifferenceShape(many=True)


class AnswersShape(serializers.Serializer[object]):
    """How many rows of the confidence set are answered differently; null where `why_not` says why.

    head_right, base_right   rows that this one alone gets right; null where the metric knows no right answer.
    """

    compared = serializers.IntegerField(allow_null=True)
    changed = serializers.IntegerField(allow_null=True)
    head_right = serializers.IntegerField(allow_null=True)
    base_right = serializers.IntegerField(allow_null=True)
    how = serializers.CharField(help_text="How the rows of both were matched.")
    why_not = serializers.CharField()


class ChangeShape(serializers.Serializer[object]):
    """One fact that differs. Where versions are judged by it `tone` is grave, and `warning` says why."""

    section = serializers.CharField()
    name = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    kind = serializers.ChoiceField(["added", "removed", "changed"])
    tone = serializers.ChoiceField(CHANGE_TONES)
    warning = serializers.CharField()


class ComparisonShape(serializers.Serializer[object]):
    """`base` is what is there, `head` what is looked at: better is when the head is."""

    base = SideShape()
    head = SideShape()
    verdict = VerdictShape()
    metric = ComparedMeasureShape(allow_null=True)
    paired = PairedShape(allow_null=True)
    measures = ComparedMeasureShape(many=True)
    slices = SliceShape(many=True)
    signature = SignatureShape(source="*")
    answers = serializers.SerializerMethodField()
    changes = ChangeShape(many=True)

    @extend_schema_field(AnswersShape)
    def get_answers(self, found: Comparison) -> object:
        return AnswersShape(counts(found.answers)).data


def counts(told: Told) -> dict[str, object]:
    """The values of AnswersShape."""
    page = told.page
    judged = page if page and page.judged else None
    return {
        "compared": page.compared if page else None,
        "changed": page.counts[Only.CHANGED] if page else None,
        "head_right": judged.counts[Only.HEAD_RIGHT] if judged else None,
        "base_right": judged.counts[Only.BASE_RIGHT] if judged else None,
        "how": told.how,
        "why_not": told.why_not,
    }


class EveryRowQuery(Strict):
    only = serializers.ChoiceField(list(Only), required=False, default=Only.CHANGED)
    order = serializers.ChoiceField(list(Order), required=False, default=Order.LARGEST)


class RowsQuery(EveryRowQuery):
    page = serializers.CharField(
        required=False, max_length=60, help_text="`next` or `previous` of another page."
    )
    page_size = serializers.IntegerField(required=False, default=50, min_value=1, max_value=200)


class RowShape(serializers.Serializer[object]):
    """One row. Lists have at most 64 elements in row-major order; what JSON has no number for is its word.

    change   how far apart the answers are: a number, or "Infinity" where they cannot be measured so.
    """

    row = serializers.IntegerField()
    base_row = serializers.IntegerField()
    change = serializers.JSONField()
    truth = serializers.ListField(child=serializers.JSONField())
    base = serializers.ListField(child=serializers.JSONField())
    head = serializers.ListField(child=serializers.JSONField())
    base_right = serializers.BooleanField(allow_null=True)
    head_right = serializers.BooleanField(allow_null=True)
    inputs = serializers.DictField(child=serializers.ListField(child=serializers.JSONField()))


class RowsShape(AnswersShape):
    """A page of the rows; `next` and `previous` go into `page`, and are null at the ends."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = RowShape(many=True)


def rows(told: Told) -> dict[str, object]:
    """The values of RowsShape."""
    page = told.page
    return {
        **counts(told),
        "next": str(page.next) if page and page.next else None,
        "previous": str(page.previous) if page and page.previous else None,
        "results": [plain(row) for row in page.rows] if page else [],
    }
