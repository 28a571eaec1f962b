"""The body of a request to complete a plain prompt, as OpenAI's clients send it."""

from pydantic import Field

from promptweave.facade.bodies.body import Body
from promptweave.facade.bodies.text_or_tokens import Texts
from promptweave.facade.openai.chat.body import StreamOptions


class CompletionBody(Body):
    """The request. `max_tokens` is 16 by default, as in OpenAI's API."""

    prompt: Texts
    model: str | None = None
    max_tokens: int = Field(16, ge=1, lt=2**31)
    stop: str | list[str] = []
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    n: int = Field(1, ge=1, le=128)
    best_of: int | None = None
    logprobs: int | None = Field(None, ge=0, le=5)
    echo: bool = False
    seed: int | None = None
    logit_bias: dict[str, float] = {}
