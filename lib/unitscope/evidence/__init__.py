"""What the chapters check: each paper's claims as criteria with a verdict, and the figures that the papers report."""
