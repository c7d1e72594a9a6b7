"""What counts are worth: evidence that stays valid however often it is looked at. numpy and scipy only.

An e-process starts at 1 and, where there is nothing to find, passes 1/alpha with a chance of at most
alpha, over all looks together (Ville's inequality). All of them are functions of additive counts.
Chance, where there is any, comes in as a `numpy.random.Generator`.
"""
