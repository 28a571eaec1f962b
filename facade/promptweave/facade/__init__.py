"""OpenAI's REST API in front of the two services. Translation only: no prompt knowledge, no parsing of output, no state.

    main.py ── app.py                        the process; its routes
                 ├─ chat_route.py, turn.py   one request, on its way
                 ├─ chat_body.py             what clients send: the shape of the request
                 ├─ openai_request.py        request → CompileRequest, GenerateRequest
                 ├─ services.py              the calls to the two services
                 ├─ openai_response.py       events → completion, or chunks of a stream
                 └─ errors.py                the one table: error → HTTP status and OpenAI's error body

`models.py` says which names mean the loaded model; `sse.py` writes event streams; `http.py` holds what every answer has.
"""
