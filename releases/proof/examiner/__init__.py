"""The cell that has the sets and never the model: asks the scoring server as a client would, and judges.

`python -m releases.proof.examiner` reads a spec as JSON from standard input and prints one JSON result.
`result` is what the parent reads it with; it is the only part that is imported outside the cell.
"""
