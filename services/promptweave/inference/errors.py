"""The inference service's errors.

PromptweaveError
└── InferenceError
    ├── RequestError            a field is missing or malformed                        INVALID_ARGUMENT
    ├── GrammarQuarantinedError the grammar took the engine down before                INVALID_ARGUMENT
    ├── SessionNotFoundError    there is no such session                               NOT_FOUND
    ├── SessionUnusableError    it is damaged, or of another model                     FAILED_PRECONDITION
    ├── UnsupportedError        a part of the request that this version does not do    UNIMPLEMENTED
    ├── ContextOverflowError    the prompt does not fit the context                    OUT_OF_RANGE
    ├── OverloadedError         too many calls wait, or an answer is not read          RESOURCE_EXHAUSTED
    ├── EngineUnavailableError  it starts, restarts, or went away                      UNAVAILABLE
    │   └── EngineAwayError     it was not there: it never saw the call
    └── EngineFailedError       it failed, and would again                             INTERNAL
        └── GrammarViolationError   an answer left its grammar
StartError                      the service cannot start: for the person who starts it, never for a caller
"""

from promptweave.errors import Code, PromptweaveError


class InferenceError(PromptweaveError):
    """The base of the inference service's errors."""


class RequestError(InferenceError):
    """A field is missing or malformed."""

    code = Code.INVALID_ARGUMENT
    reason = "ERROR_REASON_REQUEST_INVALID"


class GrammarQuarantinedError(InferenceError):
    """The grammar took the engine down more than once."""

    code = Code.INVALID_ARGUMENT
    reason = "ERROR_REASON_GRAMMAR_QUARANTINED"

    def __init__(self, grammar_hash: str) -> None:
        super().__init__(
            "this grammar took the engine down before, and is refused until the service is started again",
            path="/prompt/gbnf",
            metadata={"grammar_hash": grammar_hash},
        )


class SessionNotFoundError(InferenceError):
    """There is no such session, or no longer."""

    code = Code.NOT_FOUND
    reason = "ERROR_REASON_SESSION_NOT_FOUND"


class SessionUnusableError(InferenceError):
    """A saved session that cannot be loaded: it is damaged, or fits another model."""

    code = Code.FAILED_PRECONDITION
    reason = "ERROR_REASON_SESSION_UNUSABLE"


class UnsupportedError(InferenceError):
    """The request asks for something that this version does not do."""

    code = Code.UNIMPLEMENTED
    reason = "ERROR_REASON_UNSUPPORTED"


class ContextOverflowError(InferenceError):
    """The prompt does not fit the context of one slot. Sizes in tokens."""

    code = Code.OUT_OF_RANGE
    reason = "ERROR_REASON_CONTEXT_OVERFLOW"

    def __init__(self, prompt_tokens: int, context_size: int) -> None:
        super().__init__(
            f"the prompt has {prompt_tokens} tokens and the context {context_size}",
            path="/prompt/segments",
            metadata={"prompt_tokens": str(prompt_tokens), "context_size": str(context_size)},
        )


class OverloadedError(InferenceError):
    """Too many calls wait for a slot, or what was written for this one is not read."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "ERROR_REASON_OVERLOADED"


class EngineUnavailableError(InferenceError):
    """The engine starts, restarts or stops, or went away during the call. Always says when to try again."""

    code = Code.UNAVAILABLE
    reason = "ERROR_REASON_ENGINE_UNAVAILABLE"

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class EngineAwayError(EngineUnavailableError):
    """There was no engine to send the call to."""

    def __init__(self) -> None:
        super().__init__("the engine cannot be reached")


class EngineFailedError(InferenceError):
    """The engine failed in a way that a retry does not mend."""

    code = Code.INTERNAL
    reason = "ERROR_REASON_ENGINE_FAILED"


class GrammarViolationError(EngineFailedError):
    """An answer is not what its grammar admits, by a fault of the engine or of ours. What was given of it until then is."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; what was written until then complies with it. This is a bug: please report it")


class StartError(Exception):
    """The service, or its engine, cannot start. The text is one line that says what to do."""
