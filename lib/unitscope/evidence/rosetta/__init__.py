"""What the Rosetta chapters check: criteria of their claims, measures behind them, the figures that the paper
reports.
"""
