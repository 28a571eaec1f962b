"""The body of a request to complete a plain prompt, as OpenAI's clients send it."""

from pydantic import Field

from promptweave.facade.bodies.body import Body, example
from promptweave.facade.bodies.text_or_tokens import Texts
from promptweave.facade.openai.chat.request.body import StreamOptions


class CompletionBody(Body):
    """The request. `max_tokens` is 16 by default, as in OpenAI's API."""

    model_config = example({"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon a time", "max_tokens": 16})

    prompt: Texts
    """The text to continue, or several; each may be a list of token ids. Special tokens in it are tokens."""
    model: str | None = None
    """The model; by default the one that is loaded."""
    max_tokens: int = Field(16, ge=1, lt=2**31)
    """Generated tokens of each choice, at most."""
    stop: str | list[str] = []
    """Texts that end a choice; they are not part of it."""
    stream: bool = False
    """Whether to send the response as server-sent events, while it is generated."""
    stream_options: StreamOptions = Field(StreamOptions(), description="Options of the stream")
    n: int = Field(1, ge=1, le=128)
    """The number of choices for each prompt."""
    best_of: int | None = None
    """Must be equal to `n`."""
    logprobs: int | None = Field(None, ge=0, le=5)
    """Return log-probabilities, with this number of the most likely tokens at each position."""
    echo: bool = False
    """Whether the response repeats the prompt."""
    seed: int | None = None
    """The seed of the sampler: the same request with the same seed has the same answer."""
    logit_bias: dict[str, float] = {}
    """Token, as id or text → what is added to its logit, from -100 to 100."""
