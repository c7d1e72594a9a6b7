"""The format of the templates: one tag a line, nothing changed that shows.

`python -m deploy.pages templates` writes it, `--check` names what is not in it.
"""
