"""Linking in Style (Wehrheim et al. 2024): a classifier's activations linked to a generator's latents.

pairs           what a generator draws and what a classifier makes of it
link            the linking network from activations to latents
study           one classifier, one generator and their link
cycle           once around: activations, picture, activations
tuning          units set to values, and the drawings of them
segmentation    part masks of drawings
profile         what every unit changes, in numbers
motion          what moves between two drawings
counterfactual  activations moved across the decision boundary
"""

from unitscope.extract.penultimate import Reader
from unitscope.papers.linking.counterfactuals import Counterfactual, counterfactual
from unitscope.papers.linking.link import CurvedLink, Link, fit_linear, fit_mlp
from unitscope.papers.linking.motions import motion
from unitscope.papers.linking.pairs import LinkedPairs, collect
from unitscope.papers.linking.profiles import Profile, profile
from unitscope.papers.linking.segmentation import Artist, Oracle, few_shot, fit_oracle
from unitscope.papers.linking.studies import Cycle, LinkStudy, cycle, kept_class, study
from unitscope.papers.linking.tuning import Tuner, random_tuner, silent, unit_tuner

__all__ = [
    "Artist",
    "Counterfactual",
    "CurvedLink",
    "Cycle",
    "Link",
    "Oracle",
    "LinkedPairs",
    "Profile",
    "Reader",
    "LinkStudy",
    "Tuner",
    "collect",
    "counterfactual",
    "cycle",
    "few_shot",
    "fit_linear",
    "fit_mlp",
    "fit_oracle",
    "kept_class",
    "motion",
    "profile",
    "random_tuner",
    "silent",
    "study",
    "unit_tuner",
]
