"""Linking in Style: the paper's claims (numbers 1 to 32 of our list) and ours, as verdicts on measured numbers.

    link      1 to 9    the link and the likeness of the two spaces
    units     10 to 15  what units change, and how sparsely
    order     16, 17    neighbours and clusters of units
    masks     18, 19    motion, the segmenter, and known factors
    classes   20 to 24  which units matter to a class
    boundary  25 to 32  counterfactuals and the way across the boundary

Whatever is selected (the sparsest units, a cluster, the unit shared by most classes) is selected on one half of the
pictures and judged on the other half.
"""

NO_HEAD = "the classifier has no head, so there are no probabilities and no boundary"
NOT_CROSSED = "no way crosses the boundary: no picture was seen as the target on its way, or the classifier has no head"
NOTHING = "too few units change any part: the pictures hold none, or the link moves nothing"
ONE_PICTURE = "selecting on one half of the pictures and judging on the other needs two pictures of each class at least"
