"""Whether a pipeline treats queries otherwise than documents, besides their prompts."""

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer

_OF_A_TASK = ("query_length", "document_length", "query_expansion")


def differs_by_task(pipeline: SentenceTransformer | None) -> bool:
    """Return whether the task that ``encode_query`` and ``encode_document`` name has any effect.

    A transformer may have another limit for queries, or add tokens to them; modules of a model's
    own code may take the task itself.
    """
    if pipeline is None:
        return False
    transformers = (module for module in pipeline.modules() if isinstance(module, Transformer))
    return "task" in pipeline.get_model_kwargs() or any(
        getattr(module, name, None) is not None for module in transformers for name in _OF_A_TASK
    )
