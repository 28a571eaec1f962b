"""The inference service's errors.

PromptweaveError
└── InferenceError
    ├── RequestError            a field is missing or malformed                        INVALID_ARGUMENT
    ├── GrammarQuarantinedError the grammar crashed the engine before                  INVALID_ARGUMENT
    ├── SessionNotFoundError    the session does not exist                             NOT_FOUND
    ├── SessionUnusableError    the session is damaged, or of another model            FAILED_PRECONDITION
    ├── UnsupportedError        this version does not support a part of the request    UNIMPLEMENTED
    ├── ContextOverflowError    the prompt does not fit the context                    OUT_OF_RANGE
    ├── OverloadedError         too many requests queued, or an answer is not read     RESOURCE_EXHAUSTED
    ├── EngineUnavailableError  the engine is starting, restarting, or has exited      UNAVAILABLE
    │   └── EngineAwayError     the engine was unreachable: it never received the call
    └── EngineFailedError       the engine failed, and would again                     INTERNAL
        └── GrammarViolationError   an answer left its grammar
StartError                      the service cannot start: for the operator, never for a caller
"""

from promptweave.errors import Code, PromptweaveError


class InferenceError(PromptweaveError):
    """Base class of the inference service's errors."""


class RequestError(InferenceError):
    """A field is missing or malformed."""

    code = Code.INVALID_ARGUMENT
    reason = "ERROR_REASON_REQUEST_INVALID"


class GrammarQuarantinedError(InferenceError):
    """The grammar crashed the engine more than once."""

    code = Code.INVALID_ARGUMENT
    reason = "ERROR_REASON_GRAMMAR_QUARANTINED"

    def __init__(self, grammar_hash: str) -> None:
        super().__init__(
            "this grammar has crashed the engine and is blocked until the service restarts",
            path="/prompt/gbnf",
            metadata={"grammar_hash": grammar_hash},
        )


class SessionNotFoundError(InferenceError):
    """The session does not exist, or no longer exists."""

    code = Code.NOT_FOUND
    reason = "ERROR_REASON_SESSION_NOT_FOUND"


class SessionUnusableError(InferenceError):
    """A saved session cannot be loaded: it is damaged, or belongs to another model."""

    code = Code.FAILED_PRECONDITION
    reason = "ERROR_REASON_SESSION_UNUSABLE"


class UnsupportedError(InferenceError):
    """The request requires something that this version does not support."""

    code = Code.UNIMPLEMENTED
    reason = "ERROR_REASON_UNSUPPORTED"


class ContextOverflowError(InferenceError):
    """The prompt does not fit the context of one slot. Sizes in tokens."""

    code = Code.OUT_OF_RANGE
    reason = "ERROR_REASON_CONTEXT_OVERFLOW"

    def __init__(self, prompt_tokens: int, context_size: int) -> None:
        super().__init__(
            f"the prompt has {prompt_tokens} tokens, but the context size is {context_size}",
            path="/prompt/segments",
            metadata={"prompt_tokens": str(prompt_tokens), "context_size": str(context_size)},
        )


class OverloadedError(InferenceError):
    """Too many requests are queued for a slot, or the output of this one is not read."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "ERROR_REASON_OVERLOADED"


class EngineUnavailableError(InferenceError):
    """The engine is starting, restarting or stopping, or exited during the call. Always reports when to retry."""

    code = Code.UNAVAILABLE
    reason = "ERROR_REASON_ENGINE_UNAVAILABLE"

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class EngineAwayError(EngineUnavailableError):
    """The engine could not be reached, so it never received the call."""

    def __init__(self) -> None:
        super().__init__("the engine is unreachable")


class EngineFailedError(InferenceError):
    """The engine failed in a way that a retry does not fix."""

    code = Code.INTERNAL
    reason = "ERROR_REASON_ENGINE_FAILED"


class GrammarViolationError(EngineFailedError):
    """An answer left its grammar, by a bug in the engine or in promptweave. What was returned before complies with it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; the output up to that point complies with it. This is a bug: please report it")


class StartError(Exception):
    """The service, or its engine, cannot start. The text is one line that states what to do."""
