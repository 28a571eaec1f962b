"""OpenAI's REST API in front of the two services. It only translates: it has no knowledge of prompts, does not parse output,
and keeps no state except the store of responses.

    main.py ── app.py               the process; its routes
    endpoint.py                     what routes other than chat share
    errors.py                       the only mapping: error → HTTP status and OpenAI's error body
    finish_reasons.py               OpenAI's names of finish reasons
    openai/chat/                    `/v1/chat/completions`
        route.py, pipeline.py       the steps of one request
        body.py                     the shape of the request that clients send
        to_grpc.py, *_to_grpc.py    request → CompileRequest, GenerateRequest, and the origins of their parts
        from_grpc.py                events → completion, or chunks of a stream
        translated.py               requests of other APIs as chat requests, and the origins of their parts
    openai/responses/               `/v1/responses`
        to_chat.py                  request → chat request; with tools.py, conversation.py
        events.py, response.py      events → events of a response, and the response
        items.py, store.py          items, and stored responses, in SQLite
    openai/completions/, openai/embeddings/, openai/audio/
    anthropic/                      `/v1/messages`, Anthropic's API
    tool_search/                    the search for deferred tools: offered to the model, and run here
    native/                         llama.cpp's own routes; those of the prompt compiler
    backend/                        the calls to the two services; model names and addresses
    bodies/                         request bodies; `source_map.py`: the origin of each part of a translated request
    http/                           middleware, keys, limits, event streams
    openapi/, explorer/, telemetry/
"""
