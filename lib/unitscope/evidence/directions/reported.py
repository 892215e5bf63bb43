"""Figures that Klindt et al. (2023) and the authors' notebooks report, where ours can be held against them."""

RATIO = 0.0159 / 0.0188  # mean II of k-means over that of the best autoencoder (section 3.2)
STAGES = (0.71, 0.71, 0.59, 0.57)  # areas under the curve against people, ResNet50 layer1..4 (Fig. 2)
EARLY = (STAGES[0] + STAGES[1] - STAGES[2] - STAGES[3]) / 2  # early stages above late ones
SENSITIVITY = -0.18  # Spearman of II with the least gradient norm (section 3.5)
TRACKS = 0.25  # correlation of II with a unit's accuracy in the task (notebook)
