"""The REST APIs of OpenAI, Anthropic and llama.cpp in front of the two services. It only translates: it has no knowledge of
prompts, does not parse output, and keeps no state except the store of responses and conversations.

    main.py ── app.py               the process; its routes
    options.py, probes.py           options; `/health`, `/ready`, `/metrics`
    policy/                         fields and types that are left out or refused, as data
    errors.py                       the only mapping: error → HTTP status and OpenAI's error body
    finish_reasons.py               OpenAI's names of finish reasons
    openai/chat/                    `/v1/chat/completions`
        routes.py, pipeline.py      the steps of one request
        request/                    body.py: what clients send; translated.py: any API's request as a chat request;
                                    to_grpc.py, *_to_grpc.py: CompileRequest, GenerateRequest, and the origins of their parts
        response/                   from_grpc.py, chunks.py: events → completion, or the chunks of a stream
    openai/responses/               `/v1/responses`
        request/                    request → chat request: items, tools
        response/                   events → events of a response, and the response
        storage/                    stored responses and conversations, in SQLite
    openai/completions/, openai/embeddings/, openai/audio/
    anthropic/                      `/v1/messages`, Anthropic's API
    tool_search/                    the search for deferred tools: offered to the model, and run here
    native/                         llama.cpp's own routes; those of the prompt compiler
    backend/                        the calls to the two services; model names and addresses
    bodies/                         request bodies; `source_map.py`: the origin of each part of a translated request
    http/                           middleware, keys, limits, event streams
    openapi/, explorer/, telemetry/
"""
