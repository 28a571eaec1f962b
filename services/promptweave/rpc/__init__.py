"""What the gRPC servers and their clients share.

status.py       the one table: PromptweaveError ↔ google.rpc.Status
errors.py       what a failed call means, by that table
interceptor.py  applies it to every call of a server
metrics.py      what every server counts, and the listener that shows it
address.py      addresses to listen on
server.py       start, run until told to stop, stop; health and reflection
channel.py      how clients connect
logs.py         one line a record, on stderr
"""
