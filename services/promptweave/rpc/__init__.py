"""What the gRPC servers and their clients share.

status.py             the one table: PromptweaveError ↔ google.rpc.Status
client_errors.py      what a failed call means, by that table
error_interceptor.py  applies it to every call of a server
metrics.py            what every server counts
admin_http.py         the HTTP listener for Prometheus and for probes
address.py            addresses to listen on
server.py             start, run until told to stop, stop; health and reflection
channel.py            how clients connect, to one replica or several
security.py           TLS files and tokens, as options; credentials.py and bearer_token.py make of them what gRPC needs
reloading_file.py     files that are read again when they change
logs.py               one line a record, on stderr: text or JSON
request_context.py    what travels with each call: the request's id, the trace
"""
