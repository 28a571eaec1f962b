"""Runs compiled prompts on a llama.cpp server and streams typed pieces of the message.

main.py ── service/           gRPC: the only folder here that depends on protobuf
              │
           generation/        generate.py, message.py: the messages of a request; output_reader.py: the output as events
              │               prompt/: what is sent to the engine; fast_forward/: appends forced text; grammar/: the guard
           engine/            a managed engine (llama_server.py), or external servers (remote.py)
              │               model_info.py, model_file.py: the model; rounds.py: the engine's capabilities
              ├─ client/      HTTP client of the engine
              └─ process/     supervisor.py ── child.py ── launcher.py: a child process, restarted when it exits

embeddings/, transcription/   other kinds of models, in separate engines: auxiliary_engines.py
scheduling/                   queues requests until a slot is free; refuses grammars that crash the engine
sessions/                     state of conversations, on disk
"""
