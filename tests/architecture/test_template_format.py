"""Templates have one format, and putting one into it changes nothing that shows."""

from __future__ import annotations

import pytest

from deploy.pages.__main__ import main
from deploy.pages.layout import laid_out
from deploy.pages.reading import Unbalanced, tree
from tests.architecture.source import ROOT

LONGEST = 140


def formatted(source: str) -> str:
    return laid_out(tree(source))


def test_every_template_is_in_its_format(capsys):
    assert main(["--check", str(ROOT / "templates")]) == 0, capsys.readouterr().out


def test_no_line_of_a_template_is_longer_than_a_reader_can_follow():
    paths = [*(ROOT / "templates").rglob("*.html")]
    long = {
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LONGEST
    }
    assert paths
    assert not long


def test_each_box_has_a_line_and_its_content_is_further_in():
    source = "<ul>{% for one in all %}<li>{{ one }}</li>{% endfor %}</ul>\n"
    assert formatted(source) == (
        "<ul>\n  {% for one in all %}\n    <li>{{ one }}</li>\n  {% endfor %}\n</ul>\n"
    )


def test_attributes_get_lines_of_their_own_where_one_is_not_enough():
    source = f'<a id="{"x" * 99}"{{% if a %}} class="b"{{% endif %}}>c</a>'
    made = f'<a\n  id="{"x" * 99}"\n  {{% if a %}}class="b"{{% endif %}}\n>c</a>'
    assert formatted(source) == made


@pytest.mark.parametrize("source", [
    f"<span>{'x' * 80}</span><b>{'y' * 80}</b>",
    f"{{{{ {'x' * 80} }}}}{{% if a %}},{{{{ {'y' * 80} }}}}{{% endif %}}",
    f"{{% if {'x' * 80} %}}a{{% endif %}}{{% if {'y' * 80} %}}b{{% endif %}}",
    f"<b>{'x' * 80}</b>{{% for one in all %}}<i>{'y' * 80}</i>{{% endfor %}}<b>z</b>",
])  # fmt: skip
def test_words_that_touch_are_never_parted(source):
    assert formatted(source) == source


@pytest.mark.parametrize("source", [
    f"<span>{'x' * 80}</span> <b>{'y' * 80}</b>",
    f"{'x' * 80} {{% if a %}}{'y' * 80}{{% endif %}} z",
    f"{'x ' * 80}<b>{'y' * 80} </b>z",
])  # fmt: skip
def test_words_that_are_apart_stay_apart(source):
    made = formatted(source)
    assert "\n" in made
    assert made.split() == source.split()


def test_a_summary_is_a_row_of_boxes_only_where_the_styles_make_it_one():
    source = f"<details><summary><b>{'x' * 80}</b><i>{'y' * 80}</i></summary></details>\n"
    assert "</b><i>" in formatted(source)
    assert "</b><i>" not in formatted(source.replace("<details", '<details class="card fold"'))


@pytest.mark.parametrize("name", ["pre", "textarea", "blockquote"])
def test_what_shows_each_space_is_kept(name):
    source = f"<{name}>  a\n\n b{'x' * 120}\n</{name}>"
    assert source in formatted(f"<div>{source}</div>\n")


@pytest.mark.parametrize(
    "source", ["<div>", "</div>", "{% if a %}", "{% endif %}", "<div>{% if a %}</div>{% endif %}"]
)
def test_what_does_not_end_is_refused(source):
    with pytest.raises(Unbalanced):
        formatted(source)
