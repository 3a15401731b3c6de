"""How sure a figure is, and whether two methods differ: what measuring and rating share."""

from whyalike.statistics.interval import Interval, mean_interval
from whyalike.statistics.paired import PairedTest, compare_paired, holm

__all__ = ["Interval", "PairedTest", "compare_paired", "holm", "mean_interval"]
