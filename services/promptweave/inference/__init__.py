"""Runs compiled prompts on a llama.cpp server and streams typed pieces of the message.

main.py ── service/           gRPC: the only folder here that depends on protobuf
              │
           generation/        prompt.py, sampling.py: what is sent to the engine
              │               eos_filter.py, stop_strings.py, output_reader.py: turn its output into the message
           client/            HTTP client of the engine
              │
           engine/            a managed engine (llama_server.py), or external servers (remote.py)
              │               model_info.py, model_file.py: the model; rounds.py: the engine's capabilities
           process/           supervisor.py ── child.py ── launcher.py: a child process, restarted when it exits

embeddings/, transcription/   other kinds of models, in separate engines: auxiliary_engines.py
scheduling/                   queues requests until a slot is free; refuses grammars that crash the engine
sessions/                     state of conversations, on disk
"""
