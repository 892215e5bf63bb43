"""What the Directions chapter checks: criteria of its claims, the paper's figures, controls."""
