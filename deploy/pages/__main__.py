"""`python -m deploy.pages [--check] FOLDER`: put templates into their format, or name those in another."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.pages.layout import laid_out
from deploy.pages.reading import Unbalanced, tree


def main(arguments: list[str]) -> int:
    """How many templates were, or are, in another format or in none."""
    check = "--check" in arguments
    folders = [Path(name) for name in arguments if name != "--check"]
    found = [
        told for folder in folders for path in sorted(folder.rglob("*.html")) if (told := _one(path, check))
    ]
    sys.stdout.writelines(f"{told}\n" for told in found)
    return len(found) if check else 0


def _one(path: Path, check: bool) -> str:
    """What was wrong with one template."""
    source = path.read_text()
    try:
        made = laid_out(tree(source))
    except Unbalanced as e:
        return f"{path}: {e}"
    if made == source:
        return ""
    if not check:
        path.write_text(made)
    return f"{path}: another format" if check else f"{path}: put into its format"


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
