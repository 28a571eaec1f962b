"""Runs compiled prompts on a llama.cpp server and streams typed pieces of the message.

    main.py ── service.py, service_request.py     gRPC: the only files here that know protobuf
                  │
               generate.py ── prompt.py sampling.py    what the engine is sent
                  │       └── turn_end.py stops.py     what of its output is the message
               client.py ── http_client.py              the engine's HTTP
                  │
               engine.py ─┬─ supervisor.py ── child.py ── launcher.py    an engine of our own, in a child process
                 pool.py  └─ endpoint.py ── one_model.py                 servers that somebody else runs

    service_embed.py ── embed.py ── side_engines.py ── vector_model.py    embeddings and ranking: supervisors of their own

`facts.py` and `model_file.py` find out what the model is; `gate.py` keeps calls waiting until a slot is free;
`quarantine.py` refuses grammars that take the engine down.
"""
