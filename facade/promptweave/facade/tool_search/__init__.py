"""A search for tools that runs on the server, for clients that defer tools but bring no search tool of their own.

The model sees one more tool, `tool_search`, instead of all deferred ones. When it calls it, the search runs here, and the
model continues with the tools that were found; the client sees no call.

offer        whether it is offered, and what the model sees of it   offer.py
history      earlier searches of the conversation                   history.py
index        finds tools by words                                   index.py
rounds       generates, searches, and generates again               round_reader.py, usage.py, rounds.py
"""
