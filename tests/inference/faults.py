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
_REST = "the rest of the running messages"
_NOTHING = "nothing: the service never started"
_ENDED = "exit status 1: the engine exited during startup"


FAULTS = (
    Fault("The engine is killed", "SIGKILL during generation", _CUT, _REST, killed),
    Fault("The engine hangs", "SIGSTOP during generation, `--watchdog-timeout 1`", _CUT, _REST, stopped),
    Fault("The engine responds but makes no progress", "a fake engine, `--watchdog-timeout 0.1`", _CUT, _REST, stuck),
    Fault(
        "A grammar crashes the engine",
        "a fake engine that crashes on it",
        f"{_GONE} after two tries; then INVALID_ARGUMENT (GRAMMAR_QUARANTINED)",
        "the running messages of other callers, twice",
        crashing_grammar,
    ),
    Fault(
        "A grammar blocks the engine",
        "a fake engine that makes no progress on it, and 3 s for the watchdog",
        f"{_GONE} after two tries; then INVALID_ARGUMENT (GRAMMAR_QUARANTINED)",
        "the running messages of other callers, twice",
        stalling_grammar,
    ),
    Fault("An external server stops", "SIGKILL with `--endpoint`, then a restart", _CUT, _REST, endpoint_gone),
    Fault(
        "An external server restarts with another model",
        "SIGKILL with `--endpoint`, then a restart with another file",
        f"{_CUT}; GetModel returns another model",
        _REST,
        endpoint_with_another_model,
    ),
    Fault(
        "The embedding engine is killed",
        "SIGKILL while the chat engine generates",
        f"Embed: {_GONE}; other calls continue",
        "nothing: the call can be repeated",
        embedder_killed,
    ),
    Fault(
        "The whisper server is killed",
        "SIGKILL of a fake server during a transcription, while the engine generates",
        f"Transcribe: {_GONE}; other calls continue",
        "running and queued transcriptions",
        whisper_killed,
    ),
    Fault(
        "The disk is full when a session is saved",
        "a file system of 1 MB",
        "the complete answer, 'x'",
        "the session's state: its next message is reevaluated",
        disk_full,
    ),
    Fault(
        "The engine is killed while it saves a session",
        "SIGKILL when the file appears",
        "the complete answer, 'yes'",
        "nothing, or this message's part of the session's state",
        killed_while_it_saves,
    ),
    Fault(
        "The service is killed between two messages of a session",
        "SIGKILL, then a restart",
        "the next message evaluates only its new tokens, also in a fork",
        "nothing",
        service_killed_in_a_session,
    ),
    Fault(
        "The service is killed",
        "SIGKILL during generation, then a restart",
        "the text so far, then UNAVAILABLE (UNSPECIFIED)",
        f"{_REST}; queued requests",
        service_killed,
    ),
    Fault(
        "The model file is truncated while the engine runs",
        "followed by SIGKILL",
        f"{_ENDED} (exit status 1): … model is corrupted or incomplete",
        "the service exits after three attempts",
        model_breaks_later,
    ),
    Fault(
        "The port is in use",
        "another socket listens on it",
        "exit status 1: cannot listen on ADDRESS: Address already in use",
        _NOTHING,
        taken_port,
    ),
    Fault(
        "The model is not a GGUF file",
        "a file that begins with `PK`",
        "exit status 1: model.gguf is not a GGUF file (bad magic …)",
        _NOTHING,
        no_model,
    ),
    Fault(
        "The model file is truncated",
        "without its second half",
        f"{_ENDED} (exit status 1): … model is corrupted or incomplete",
        _NOTHING,
        cut_model,
    ),
    Fault(
        "Memory runs out while the engine loads",
        "a limit of 600 MiB, less than the context needs",
        f"{_ENDED} (…): … allocat…",
        _NOTHING,
        memory_runs_out,
    ),
    Fault(
        "The engine is killed while it loads",
        "SIGKILL, as from the out-of-memory killer",
        f"{_ENDED} (killed by SIGKILL, possibly by the kernel because memory ran out): no error output",
        _NOTHING,
        killed_while_it_loads,
    ),
    Fault(
        "The engine never becomes ready",
        "a fake engine, `--startup-timeout 1`",
        "exit status 1: the engine was not ready after 1 s; increase --startup-timeout",
        _NOTHING,
        never_loads,
    ),
)
