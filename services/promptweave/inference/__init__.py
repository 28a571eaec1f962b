"""Runs compiled prompts on a llama.cpp server and streams typed pieces of the message.

main.py ── service/           gRPC: the only folder here that knows protobuf
              │
           generation/        prompt.py, sampling.py: what the engine is sent
              │               eos_filter.py, stop_strings.py, output_reader.py: what of its output is the message
           client/            the engine's HTTP
              │
           engine/            an engine of our own (llama_server.py), or servers that somebody else runs (remote.py)
              │               model_info.py, model_file.py: what the model is; rounds.py: what the engine can do
           process/           supervisor.py ── child.py ── launcher.py: a child process, started again when it dies

embeddings/, transcription/   other kinds of models, in engines of their own: auxiliary_engines.py
scheduling/                   calls wait until a slot is free; grammars that take the engine down are refused
sessions/                     state of conversations, on disk
"""
