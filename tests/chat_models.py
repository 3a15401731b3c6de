"""Small random language models as rerankers, built and saved as sentence-transformers does."""

from copy import deepcopy

import pytest
import torch
from sentence_transformers import CrossEncoder
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, LlamaConfig

from tiny_models import LIMIT, byte_bpe, tiny
from whyalike.models.installed import MOVED

# As Qwen3-Reranker's: a system message for the instruction, and a tail that opens the answer.
TEMPLATE = (
    "{%- set task = messages | selectattr('role', 'eq', 'system') | map(attribute='content') "
    "| first | default('Find what answers.') -%}"
    "[sys]Judge: yes or no.[end]\n[user]\n"
    "<Instruct>: {{ task }}\n"
    "<Query>: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}\n"
    "<Document>: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') "
    "| first }}[end]\n[assistant]\n"
)
# As Gemma's: the document first, both stripped.
TURNED = (
    "A: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first | trim }}"
    " B: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first | trim }} ?"
)


def save_causal(folder, *, template=TEMPLATE, name="qwen3"):
    """Save a language model with its tokenizer, and return the folder."""
    tokenizer = byte_bpe(template=False, padding_side="left")
    tokenizer.add_tokens([AddedToken(word, single_word=True) for word in ("yes", "no")])
    tokenizer.chat_template = template
    tokenizer.model_max_length = 4 * LIMIT
    if name == "llama":
        config = LlamaConfig(
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=64,
        )
    else:
        config = deepcopy(tiny("qwen3").model.config)
    config.vocab_size = len(tokenizer)
    config.pad_token_id, config.bos_token_id, config.eos_token_id = 1, 0, 2
    config.max_position_embeddings = 4 * LIMIT
    config.tie_word_embeddings = True
    with torch.random.fork_rng():
        torch.manual_seed(31)
        model = AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.normal_(0, 0.15)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def reranker(folder, **settings):
    """A CrossEncoder with LogitScore, as sentence-transformers makes one of a language model."""
    if not MOVED:
        pytest.skip("a reranker that asks a language model needs sentence-transformers 5.4")
    return CrossEncoder(str(save_causal(folder, **settings)), device="cpu")
