"""OpenAI's REST API in front of the two services. Translation only: no prompt knowledge, no parsing of output, and no state
but the store of responses.

    main.py ── app.py               the process; its routes
    endpoint.py                     what routes without a chat share
    errors.py                       the one table: error → HTTP status and OpenAI's error body

    openai/chat/                    `/v1/chat/completions`
        route.py, pipeline.py       one request, on its way
        body.py                     what clients send: the shape of the request
        to_grpc.py                  request → CompileRequest, GenerateRequest
        from_grpc.py                events → completion, or chunks of a stream
        translated.py               what other APIs make of a request: a chat request, and the way back
    openai/responses/               `/v1/responses`
        to_chat.py, items.py        request and items → chat request and messages
        events.py, response.py      events → events of a response, and the response
        store.py                    responses that are kept, in SQLite
    openai/completions/, openai/embeddings/, openai/audio/
    anthropic/                      `/v1/messages`, Anthropic's API
    native/                         llama.cpp's own routes; those of the prompt compiler

    backend/                        the calls to the two services; which model a name means, and where it is
    bodies/                         request bodies; `source_map.py`: which part of a request another one came from
    http/                           middleware, keys, limits, event streams
    openapi/, explorer/, telemetry/
"""
