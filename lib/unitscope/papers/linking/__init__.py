"""Linking in Style: a classifier's activations linked to a generator's latents, and what the drawings then tell."""

from unitscope.papers.linking.counterfactual import Counterfactual, counterfactual
from unitscope.papers.linking.cycle import Cycle, Eyes, compare, cycle, kept_class, timings
from unitscope.papers.linking.journey import Journey, journey
from unitscope.papers.linking.link import CurvedLink, Link, fit_linear, fit_mlp
from unitscope.papers.linking.motion import motion
from unitscope.papers.linking.pairs import Pairs, collect
from unitscope.papers.linking.profile import Profile, profile
from unitscope.papers.linking.reader import Reader
from unitscope.papers.linking.segmentation import Artist, Oracle, few_shot, fit_oracle
from unitscope.papers.linking.study import Study, study
from unitscope.papers.linking.tuning import Tuner, random_tuner, silent, unit_tuner

__all__ = [
    "Artist",
    "Counterfactual",
    "CurvedLink",
    "Cycle",
    "Eyes",
    "Journey",
    "Link",
    "Oracle",
    "Pairs",
    "Profile",
    "Reader",
    "Study",
    "Tuner",
    "collect",
    "compare",
    "counterfactual",
    "cycle",
    "few_shot",
    "fit_linear",
    "fit_mlp",
    "fit_oracle",
    "journey",
    "kept_class",
    "motion",
    "profile",
    "random_tuner",
    "silent",
    "study",
    "timings",
    "unit_tuner",
]
