"""OpenAI's REST API in front of the two services. Translation only: no prompt knowledge, no parsing of output, and no state
but the store of responses.

    main.py ── app.py                        the process; its routes
                 ├─ chat_route.py, turn.py   one request, on its way
                 ├─ chat_body.py             what clients send: the shape of the request
                 ├─ openai_request.py        request → CompileRequest, GenerateRequest
                 ├─ services.py              the calls to the two services
                 ├─ openai_response.py       events → completion, or chunks of a stream
                 └─ errors.py                the one table: error → HTTP status and OpenAI's error body

    responses_route.py                       `/v1/responses`
                 ├─ responses_request.py     a request → the chat request that it is in other words
                 ├─ responses_items.py       its items → messages
                 ├─ places.py                where in it the parts of the chat request came from
                 ├─ responses_events.py      events → events of a response, and the response
                 └─ responses_store.py       responses that are kept, in SQLite

    messages_route.py                        `/v1/messages`, Anthropic's API: messages_request.py, messages_events.py
    translated.py                            what these two make of a request: a chat request, and the way back

`vector_routes.py`, `completion_route.py`, `llama_cpp_routes.py`: the routes without a chat; `route.py`: what they share.
`compiler_routes.py`: what the compiler tells of its work; `explorer_routes.py`: the page at `/` that shows it.
`models.py` says which model a name means, and where it is; `routes_file.py` reads that from a file.
`sse.py` writes event streams; `http.py` holds what every answer has.
"""
