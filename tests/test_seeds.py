"""A seed that no generator takes is told where it is said, as every other option."""

import numpy as np
import pytest

from raising import raises
from whyalike import Explainer
from whyalike.errors import OptionError
from whyalike.evaluation import (
    find_blind_spots,
    measure_randomization,
    measure_sensitivity,
    nearest_pairs,
)
from whyalike.evaluation.agreement import smooth_saliency
from whyalike.evaluation.changed_models import randomized_states
from whyalike.evaluation.gold_counts import LinkCounts, compare_links
from whyalike.evaluation.suite import Datasets, run_suite
from whyalike.probing.edits import find_edits
from whyalike.statistics import mean_interval
from whyalike.study.agreement import krippendorff_alpha
from whyalike.study.options import StudyOptions
from whyalike.study.report import ReportSettings
from whyalike.study.scores import resample_means
from whyalike.training import TrainingSettings
from whyalike.words import WordVectors

PAIRS = [("red wine", "wine of grapes")]
ONE = np.ones(1)
COUNTS = {"a": LinkCounts(ONE, ONE, ONE, ONE)}


def explainer():
    return Explainer(embed=lambda texts: [[float(len(text)), 1.0] for text in texts])


@pytest.mark.parametrize(
    "call",
    [
        lambda seed: run_suite(
            explainer(), Datasets(pairs={"a": PAIRS}), methods=["random"], seed=seed
        ),
        lambda seed: nearest_pairs(["a", "b"], explainer().model, count=1, seed=seed),
        lambda seed: measure_randomization(explainer(), PAIRS, seed=seed),
        lambda seed: measure_sensitivity(explainer(), PAIRS, seed=seed),
        lambda seed: next(randomized_states(explainer(), seed=seed)),
        lambda seed: smooth_saliency(explainer(), PAIRS, seed=seed),
        lambda seed: find_blind_spots(explainer(), ["No wine."], seed=seed),
        lambda seed: find_edits("No wine.", seed=seed),
        lambda seed: compare_links(COUNTS, reference="a", seed=seed),
        lambda seed: COUNTS["a"].f_interval(seed=seed),
        lambda seed: mean_interval([1.0, 2.0], seed=seed),
        lambda seed: krippendorff_alpha(np.ones((2, 2)), seed=seed),
        lambda seed: resample_means(np.ones((1, 1, 1)), seed=seed),
        lambda seed: WordVectors.train(["a a"], seed=seed),
        lambda seed: StudyOptions(seed=seed),
        lambda seed: ReportSettings(seed=seed),
        lambda seed: TrainingSettings(seed=seed),
    ],
)
def test_a_seed_below_0_is_refused(call):
    with raises(OptionError, "seed", "-1"):
        call(-1)
