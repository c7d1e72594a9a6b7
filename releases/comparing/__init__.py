"""Two versions side by side: their facts, their figures, and the rows on which they answer differently.

One source for the release page, the version page, the comparison page and REST.
"""
