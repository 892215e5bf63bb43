"""The paper's claims (numbers 1 to 32 of our list) and ours, as tests of measured numbers: fields for `publish.claim`.

A claim about a mean holds where its whole 95 % bootstrap interval lies on the claimed side (`metrics.verdicts`).
"""
