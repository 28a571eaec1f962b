"""The creation of a response: at once, as a stream, or in the background."""

from itertools import chain

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from promptweave.common.json_object import JsonObject
from promptweave.facade.errors import RequestError
from promptweave.facade.http.event_stream import event_stream
from promptweave.facade.http.request import request_id
from promptweave.facade.openai.chat.pipeline import prepare_chat, warning_headers
from promptweave.facade.openai.responses.background import background_of
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.tools import defined_calls, searches_for_tools
from promptweave.facade.openai.responses.resolve import ResolvedRequest, resolve
from promptweave.facade.openai.responses.response.events import OutputOptions, ResponseEvents
from promptweave.facade.openai.responses.response.response import new_response
from promptweave.facade.openai.responses.run import ResponseRun
from promptweave.facade.openai.responses.storage.stored import owner_of, responses_of


async def create(request: Request, raw: JsonObject, body: ResponsesBody) -> Response:
    """Return the response, complete or as a stream. Errors carry their position in the request."""
    responses, owner = responses_of(request), owner_of(request)
    if body.background and not (body.store and responses.store.is_storing):
        raise RequestError("background requires that responses are stored; omit it", path="/background")
    resolved = await resolve(responses, owner, body)
    turn = await prepare_chat(request, resolved.translation(raw))
    response = new_response(raw, resolved.body, turn.model.id, turn.warnings)
    events = ResponseEvents(response, _output_options(resolved))
    run = ResponseRun(responses, owner, request_id(request), resolved, turn, events)
    headers = warning_headers(turn.warnings)
    if body.background:
        events_of_run = background_of(request).start(run)
        if body.stream:
            return await event_stream(events_of_run, run.failed, headers)
        return JSONResponse(run.stored.response, headers=headers)
    if body.stream:
        return await event_stream(run.stream(), run.failed, headers)
    complete = await run.complete()
    return JSONResponse(complete, headers=warning_headers(complete.get("warnings", ())))


def _output_options(resolved: ResolvedRequest) -> OutputOptions:
    body = resolved.body
    items = chain(resolved.history, () if isinstance(body.input, str) else body.input)
    more = (item.get("tools") for item in items if item.get("type") == "additional_tools")
    tools = [*chain(body.tools, *(tools for tools in more if isinstance(tools, list)))]
    return OutputOptions(
        encrypt_reasoning="reasoning.encrypted_content" in body.include,
        summarize_reasoning=(body.reasoning.summary or body.reasoning.generate_summary) is not None,
        client_searches=searches_for_tools(tools),
        defined_calls=defined_calls(tools),
    )
