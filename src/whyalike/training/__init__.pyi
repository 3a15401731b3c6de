"""Training an encoder on titles and descriptions, by a ranking loss or RecoBERT's objective."""

from whyalike.training.result import ModelFigures as ModelFigures
from whyalike.training.result import TrainingProgress as TrainingProgress
from whyalike.training.result import TrainingResult as TrainingResult
from whyalike.training.retrieval import RetrievalMetrics as RetrievalMetrics
from whyalike.training.settings import TrainingSettings as TrainingSettings
from whyalike.training.train import train_recobert as train_recobert
