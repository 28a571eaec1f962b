"""Faults, each injected for real: what a client sees, and how long it takes until calls are answered again.

`test_faults.py` asserts what is seen; `fault_table.py` writes docs/faults.md with the times.
"""

from tests.inference.faults_at_start import (
    cut_model,
    killed_while_it_loads,
    memory_runs_out,
    model_breaks_later,
    never_loads,
    no_model,
    taken_port,
)
from tests.inference.faults_at_work import (
    crashing_grammar,
    embedder_killed,
    endpoint_gone,
    endpoint_with_another_model,
    killed,
    service_killed,
    stalling_grammar,
    stopped,
    stuck,
    whisper_killed,
)
from tests.inference.faults_of_sessions import disk_full, killed_while_it_saves, service_killed_in_a_session
from tests.support.inference.fault_injection import Fault

_GONE = "UNAVAILABLE (ENGINE_UNAVAILABLE)"
_CUT = f"the text so far, then {_GONE}"
_REST = "the rest of the messages that were being written"
_NOTHING = "nothing: it never served"
_ENDED = "exit status 1: the engine exited during startup"


FAULTS = (
    Fault("The engine is killed", "SIGKILL while it writes", _CUT, _REST, killed),
    Fault("The engine stands still", "SIGSTOP while it writes, `--watchdog-timeout 1`", _CUT, _REST, stopped),
    Fault("The engine answers and does not get on", "a fake one, `--watchdog-timeout 0.1`", _CUT, _REST, stuck),
    Fault(
        "A grammar crashes the engine",
        "a fake engine dies of it",
        f"{_GONE} after two tries; then INVALID_ARGUMENT (GRAMMAR_QUARANTINED)",
        "what others were having written, twice",
        crashing_grammar,
    ),
    Fault(
        "A grammar holds the engine up",
        "a fake one gets no further with it, and is given 3 s",
        f"{_GONE} after two tries; then INVALID_ARGUMENT (GRAMMAR_QUARANTINED)",
        "what others were having written, twice",
        stalling_grammar,
    ),
    Fault("Somebody's server goes away", "SIGKILL with `--endpoint`, and a new start", _CUT, _REST, endpoint_gone),
    Fault(
        "Somebody's server comes back with another model",
        "SIGKILL with `--endpoint`, and a start with another file",
        f"{_CUT}; GetModel tells another model",
        _REST,
        endpoint_with_another_model,
    ),
    Fault(
        "The engine that embeds is killed",
        "SIGKILL while the other one writes",
        f"of Embed: {_GONE}; others go on",
        "nothing: what is embedded can be embedded again",
        embedder_killed,
    ),
    Fault(
        "The whisper server is killed",
        "SIGKILL of a fake one while it works, and while the engine writes",
        f"of Transcribe: {_GONE}; others go on",
        "the transcripts that were being made or waited for",
        whisper_killed,
    ),
    Fault(
        "The disk is full when a session is saved",
        "a file system of one megabyte",
        "the whole answer, 'x'",
        "the session's state: its next message is evaluated anew",
        disk_full,
    ),
    Fault(
        "The engine is killed while it saves a session",
        "SIGKILL when the file appears",
        "the whole answer, 'yes'",
        "nothing, or what the session had of this message",
        killed_while_it_saves,
    ),
    Fault(
        "The service is killed between two messages of a session",
        "SIGKILL, and a new start",
        "the next message evaluates its new tokens alone, in a fork as well",
        "nothing",
        service_killed_in_a_session,
    ),
    Fault(
        "The service is killed",
        "SIGKILL while it writes, and a new start",
        "the text so far, then UNAVAILABLE (UNSPECIFIED)",
        f"{_REST}; what waits",
        service_killed,
    ),
    Fault(
        "The model's file is cut while the engine runs",
        "then SIGKILL",
        f"{_ENDED} (exit status 1): … model is corrupted or incomplete",
        "the service ends, after three starts",
        model_breaks_later,
    ),
    Fault(
        "A port is taken",
        "another socket listens",
        "exit status 1: cannot listen on ADDRESS: Address already in use",
        _NOTHING,
        taken_port,
    ),
    Fault(
        "The model is no GGUF",
        "a file that begins with `PK`",
        "exit status 1: model.gguf is not a GGUF file (bad magic …)",
        _NOTHING,
        no_model,
    ),
    Fault(
        "The model's file is cut",
        "its second half is missing",
        f"{_ENDED} (exit status 1): … model is corrupted or incomplete",
        _NOTHING,
        cut_model,
    ),
    Fault(
        "Memory runs out while the engine loads",
        "it may have 600 MiB, and its context is larger",
        f"{_ENDED} (…): … allocat…",
        _NOTHING,
        memory_runs_out,
    ),
    Fault(
        "The engine is killed while it loads",
        "SIGKILL, as when memory runs out",
        f"{_ENDED} (killed by SIGKILL, possibly by the kernel because memory ran out): no error output",
        _NOTHING,
        killed_while_it_loads,
    ),
    Fault(
        "The engine never gets ready",
        "a fake one, `--startup-timeout 1`",
        "exit status 1: the engine was not ready after 1 s; increase --startup-timeout",
        _NOTHING,
        never_loads,
    ),
)
