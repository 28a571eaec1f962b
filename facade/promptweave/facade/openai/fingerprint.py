"""OpenAI's `system_fingerprint`: with the same one, a request with a seed has the same answer."""

import hashlib

from promptweave.v1 import inference_pb2


def system_fingerprint(model: inference_pb2.ModelInfo) -> str:
    """Return the fingerprint of a model and the build of its engine."""
    digest = hashlib.sha256(f"{model.id} {model.engine}".encode()).hexdigest()
    return f"fp_{digest[:10]}"
