"""Where the path of integrated gradients begins: what it misses of its sum, and what it finds.

Needs catalogues in the folder named by WHYALIKE_DATA (default ../shared/data).
Run with: python benchmarks/ig_baselines.py [pairs per catalogue]
"""

import sys
import time

import numpy as np
import torch
from own_method import catalogue_pairs

from whyalike import BTIOptions, Explainer
from whyalike.evaluation import measure_faithfulness

CHOICES = (("zero", 50), ("zero", 20), ("pad", 50), ("pad", 20), ("pad", 10), ("mask", 20))


def main():
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    base = Explainer("all-MiniLM-L6-v2")
    for catalogue in ("fashion", "wine"):
        pairs = catalogue_pairs(catalogue, count, base.model)
        print(f"\n{catalogue}, {len(pairs)} pairs")
        print("baseline  steps  gap, mean and greatest    both     one  sufficiency  s a pair")
        for baseline, steps in CHOICES:
            options = BTIOptions(ig_baseline=baseline, ig_steps=steps)
            explainer = Explainer(base.model, method="integrated_gradients", options=options)
            start = time.process_time()
            found = list(explainer.explain_many(pairs))
            seconds = (time.process_time() - start) / len(pairs)
            gaps = [explanation.completeness_gap for explanation in found]
            values = measure_faithfulness(
                explainer, pairs, metrics=("aopc_deletion", "sufficiency"), explanations=found
            ).values
            fall, kept = values["aopc_deletion"], values["sufficiency"]
            one = np.nanmean([fall["left"], fall["right"]])
            print(
                f"{baseline:8}{steps:7}{np.mean(gaps):13.3f}{max(gaps):11.3f}"
                f"{np.nanmean(fall['both']):8.3f}{one:8.3f}{np.nanmean(kept['both']):13.3f}"
                f"{seconds:10.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
