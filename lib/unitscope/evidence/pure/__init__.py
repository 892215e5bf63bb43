"""What the PURE chapter checks: criteria of its claims, the paper's figures, controls and instruments."""
