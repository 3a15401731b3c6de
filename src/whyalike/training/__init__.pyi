"""Training RecoBERT: an encoder that learns item similarity from titles and descriptions."""

from whyalike.training.result import ModelFigures as ModelFigures
from whyalike.training.result import TrainingProgress as TrainingProgress
from whyalike.training.result import TrainingResult as TrainingResult
from whyalike.training.retrieval import RetrievalMetrics as RetrievalMetrics
from whyalike.training.settings import TrainingSettings as TrainingSettings
from whyalike.training.train import train_recobert as train_recobert
