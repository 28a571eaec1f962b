"""Code that the gRPC servers and their clients share.

status.py             the only mapping: PromptweaveError ↔ google.rpc.Status
client_errors.py      errors of failed calls, by that mapping
error_interceptor.py  applies it to every call of a server
metrics.py            the metrics of every server
admin_http.py         the HTTP listener for Prometheus and probes
address.py            addresses to listen on
server.py             start, run until stopped, stop; health and reflection
channel.py            client connections, to one replica or several
security.py           TLS files and tokens, as options; credentials.py and bearer_token.py turn them into gRPC objects
reloading_file.py     files that are reloaded when they change
logs.py               one line per record, on stderr: text or JSON
request_context.py    the metadata of each call: the request's id, the trace
"""
