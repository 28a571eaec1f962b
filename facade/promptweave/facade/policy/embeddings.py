"""Fields of embeddings."""

from collections.abc import Sequence

from promptweave.facade.policy.rules import FieldRule, refused

FIELDS: Sequence[FieldRule] = (refused("embd_normalize", "vectors are always normalized to length 1", (2,)),)
