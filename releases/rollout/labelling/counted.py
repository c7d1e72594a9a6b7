"""What the labels of a rollout come to: pairs in which just one of two versions was right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count

from releases.models import Judgement, Rollout
from releases.rollout.counts import Counts, Discordant, Pairs, Spell
from releases.rollout.evidence.labels import Accuracy, accuracy
from releases.rollout.stored import Labels

WRONG = "wrong, as labelled"
"""Under which name they stand among what pairs showed. They decide nothing by themselves: a person does."""
ALPHA = 0.01
"""A verdict is wrong in one rollout of a hundred at most, however often it was looked at."""
_ALONE: Mapping[str, Discordant] = {
    Judgement.Right.OLD: Discordant(only_new=1),
    Judgement.Right.NEW: Discordant(only_old=1),
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labels of a challenger beside the baseline: of how many just it was right, and so on."""

    version: int
    new: int
    old: int
    both: int
    neither: int
    found: Accuracy

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or nothing yet."""
        if self.found.log_better >= self.found.threshold:
            return "better"
        return "worse" if self.found.log_worse >= self.found.threshold else ""


def labels_of(labels: Iterable[Labels], spells: Mapping[int, Spell]) -> Counts:
    """By the weights under which each request was answered."""
    found = Counts()
    for each in labels:
        alone = _ALONE.get(each.right)
        if alone is not None and each.revision in spells:
            told = Discordant(each.times * alone.only_new, each.times * alone.only_old)
            found += Counts(pairs={(spells[each.revision], str(each.about)): Pairs(bad={WRONG: told})})
    return found


def standings(rollout: Rollout) -> list[Labelled]:
    """What the labels say of each challenger of which there are any."""
    rows = Judgement.objects.filter(rollout=rollout, undone_at=None).order_by("about")
    times: dict[int, dict[str, int]] = {}
    for about, right, number in rows.values_list("about", "right").annotate(Count("pk")):
        times.setdefault(about, {})[right] = number
    return [_standing(about, told) for about, told in times.items()]


def given(rollout: Rollout) -> int:
    """How many labels there are, whatever they say."""
    return Judgement.objects.filter(rollout=rollout, undone_at=None).count()


def _standing(about: int, told: Mapping[str, int]) -> Labelled:
    new, old, both, neither = (told.get(right, 0) for right in Judgement.Right)
    return Labelled(about, new, old, both, neither, accuracy(Discordant(only_new=old, only_old=new), ALPHA))
