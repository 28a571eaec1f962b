"""Fields of embeddings."""

from collections.abc import Sequence

from promptweave.facade.policy.rules import FieldRule, refused

HOUSEKEEPING = frozenset({"user", "metadata", "input_type", "extra_headers", "extra_query", "extra_body", "timeout"})
"""Fields that ask for nothing that the answer could show: taken without a warning."""

FIELDS: Sequence[FieldRule] = (refused("embd_normalize", "vectors are always normalized to length 1", (2,)),)
