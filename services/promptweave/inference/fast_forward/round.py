"""A message generated in rounds, as values: the message before a round, and what the round has generated so far."""

from dataclasses import dataclass, replace

from promptweave.inference.client.counts import NOTHING, Counts
from promptweave.inference.client.llama_client import Chunk
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.vocabulary import Vocabulary
from promptweave.inference.fast_forward.forced_text import ForcedText, follow
from promptweave.output.grammar.derivative import Derivative


@dataclass(frozen=True, slots=True)
class Message:
    """What earlier rounds have generated of a message. `counts.completion_tokens` equals `len(ids)`."""

    following: Derivative | None
    """What may follow the text. None: this can no longer be determined."""
    text: str = ""
    ids: tuple[int, ...] = ()
    """The tokens of previous rounds, and appended ones."""
    counts: Counts = NOTHING
    to_sample: tuple[int, ...] = ()
    """The tokens that the next round is to sample, if forced text is not appended."""
    pending: str = ""
    """Text appended to the prompt, until the engine has accepted it."""
    accepted: bool = False
    """The engine has accepted the prompt, so its tokens are counted."""

    def append(self, forced: ForcedText) -> "Message":
        """Return the message with a forced text."""
        return replace(
            self,
            following=forced.following,
            text=self.text + forced.text,
            ids=(*self.ids, *forced.ids),
            counts=self.counts.with_forced(len(forced.ids)),
        )

    def accept(self, first: Counts) -> "Message":
        """Return the message whose first round has begun, with `first` as the counts of its first chunk."""
        return self if self.accepted else replace(self, counts=self.counts.with_prompt(first), pending="", accepted=True)


@dataclass(frozen=True, slots=True)
class Round:
    """What a round has generated so far. Its text is that of its tokens, with what the engine holds back."""

    message: Message
    """The message before the round."""
    following: Derivative | None
    """What may follow the message and this text. None: this can no longer be determined."""
    text: str = ""
    tokens: tuple[int | str, ...] = ()
    """Ids, or the text of tokens that were not reported."""
    unread: int = 0
    """How many of the last tokens have text that is not known yet."""
    held: int = 0
    """How many characters of `text` the engine has not returned yet."""
    counts: Counts = NOTHING
    """Of this completion alone."""
    stop: str = ""
    """The stop string that ended the round."""
    stop_type: str | None = None
    """Why the completion ended. None: it goes on."""

    @classmethod
    def after(cls, message: Message) -> "Round":
        """Return the round that continues a message, before its first chunk."""
        return cls(message, message.following)

    @property
    def total(self) -> Counts:
        """Return the counts of the message so far."""
        return self.message.counts + self.counts

    @property
    def continues(self) -> bool:
        """Return whether the round has ended, but the message goes on: at a stop string, or after the tokens to sample."""
        return self.stop_type == "word" or (self.stop_type == "limit" and bool(self.message.to_sample))

    @property
    def missing(self) -> str:
        """Return the stop string if the token that contains it was not reported."""
        return self.stop if self.held < len(self.stop) else ""

    def read(self, chunk: Chunk, model_info: ModelInfo, vocabulary: Vocabulary) -> "Round":
        """Return the round after its next chunk."""
        # Of a character that consists of several tokens only the last one is reported.
        token = chunk.token if chunk.counts.completion_tokens - self.counts.completion_tokens == 1 else None
        spelled = None if token is None else vocabulary.text(token)
        known = self._own_text(spelled, model_info)
        beyond = len(chunk.text) - self.held
        if known is None or len(known) < beyond:
            # Text that was held back arrives with what ends it.
            known, text = None, chunk.text[self.held :]
        else:
            text = known
        tokens, unread = self.tokens, self.unread
        if chunk.stop_type is None and known is None and not text:
            tokens, unread = (*tokens, ""), unread + 1
        elif chunk.stop_type is None:
            whole = token if token is not None and text == spelled else text
            tokens, unread = (*tokens[: len(tokens) - unread], whole), 0
        return replace(
            self,
            message=self.message.accept(chunk.counts),
            following=follow(self.following, text),
            text=self.text + text,
            tokens=tokens,
            unread=unread,
            held=self.held + len(text) - len(chunk.text),
            counts=chunk.counts,
            stop=chunk.stopping_word,
            stop_type=chunk.stop_type,
        )

    def _own_text(self, spelled: str | None, model_info: ModelInfo) -> str | None:
        """Return the text that the next token adds to the output. `spelled`: its text in the vocabulary.

        None: the text is not known yet, or the token ends the turn.
        """
        if spelled is None or self.unread:
            return None
        # The token that ends the turn, which the engine may hide.
        ends = spelled in model_info.special_tokens and follow(self.following, spelled) is None
        return None if ends else spelled
