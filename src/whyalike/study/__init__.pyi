"""A blind study of explanations: stimuli frozen, orders balanced, ratings kept, and exported."""

from whyalike.study.creation import create_study as create_study
from whyalike.study.design import plan as plan
from whyalike.study.engine import Invitation as Invitation
from whyalike.study.engine import Rater as Rater
from whyalike.study.engine import Receipt as Receipt
from whyalike.study.folder import read_study as read_study
from whyalike.study.model import Check as Check
from whyalike.study.model import Practice as Practice
from whyalike.study.model import Stimulus as Stimulus
from whyalike.study.model import Study as Study
from whyalike.study.model import Task as Task
from whyalike.study.power import Truth as Truth
from whyalike.study.power import simulate_ratings as simulate_ratings
from whyalike.study.ratings import RatingTable as RatingTable
from whyalike.study.ratings import from_storage as from_storage
from whyalike.study.storage import Storage as Storage
from whyalike.study.storage import open_storage as open_storage
