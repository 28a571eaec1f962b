"""The first step of a chat request: into the form that all APIs share, and that `to_grpc.py` reads."""

from promptweave.facade.openai.chat.request.body import ChatBody
from promptweave.facade.openai.chat.request.foreign_fields import FOREIGN_FIELDS
from promptweave.facade.openai.chat.request.legacy_functions import calls_of_functions, functions_as_tools
from promptweave.facade.openai.chat.request.message_fields import (
    warn_of_unknown_part_fields,
    with_known_roles,
    with_own_reasoning,
)
from promptweave.facade.openai.chat.request.other_calls import with_own_calls
from promptweave.facade.openai.chat.request.other_tools import with_own_tools
from promptweave.facade.openai.chat.request.translated import Notes, Translation
from promptweave.facade.openai.sampling import SAMPLING_FIELDS
from promptweave.facade.policy.chat import FIELDS, HOUSEKEEPING
from promptweave.facade.policy.rules import first_steps, warn_of_unknown_fields

_FIELDS = SAMPLING_FIELDS | FOREIGN_FIELDS | first_steps(FIELDS) | HOUSEKEEPING
"""The fields of a chat completion that its body does not declare."""


def translate_chat(body: ChatBody) -> Translation:
    """Translate a chat request: tools instead of `functions`, promptweave's names of fields, unserved parts left out.

    Records the origins of the parts, and warnings. Raises RequestError and UnsupportedError.
    """
    notes = Notes()
    warn_of_unknown_part_fields(body, notes.warn)
    body = with_own_tools(body, notes.places, notes.warn)
    messages = with_own_reasoning(with_known_roles(body.messages, notes.warn), notes.places)
    messages = calls_of_functions(with_own_calls(messages, notes.places, notes.warn), notes.places)
    changes = {"messages": messages, **functions_as_tools(body, notes.places)}
    translation = notes.translation(body.model_copy(update=changes))
    known = _FIELDS | type(body).model_fields.keys()
    warn_of_unknown_fields(translation.body.model_extra or {}, known, notes.warn_at_origin)
    return translation
