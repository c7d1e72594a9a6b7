"""What evidence is worth: metrics, intervals, paired comparisons. Pure numpy, scipy and scikit-learn.

Chance comes in as a `numpy.random.Generator`; nothing here reads a clock, a file or a setting.
"""
