"""Faults that meet a session."""

import asyncio
import os
import signal
import time
from pathlib import Path
from threading import Thread
from unittest.mock import patch

import pytest

from promptweave.inference.sessions.store import SessionFiles
from promptweave.rpc.channel import channel
from promptweave.v1.inference_pb2 import (
    ForkSessionRequest,
    GenerateRequest,
    ListSessionsRequest,
)
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.fault_injection import Observed, Place, answers_again
from tests.support.inference.in_process import LONG_S, eventually, options, served
from tests.support.inference.processes import address_of, ready, service
from tests.support.inference.requests import Answer, answer, program, request, text

LONG = "hello world " * 160
"""Some 2,000 tokens: the vocabulary is bytes."""


def _turn(words: str) -> GenerateRequest:
    """A message of a session; what it writes is certain."""
    return request(program(text(words), gbnf='root ::= "yes"'), session_id="a")


async def disk_full(place: Place) -> Observed:
    """A file system of one megabyte, which a session does not fit."""
    mounting = await asyncio.create_subprocess_exec(*("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place.folder)))
    if await mounting.wait():
        pytest.skip("file systems cannot be mounted here")
    try:
        async with served(options(place.model, parallel=1, ctx_size=4096, session_dir=place.folder)) as (stub, _):
            long = request(program(text("hello world " * 300), gbnf='root ::= "x"'), session_id="long")
            began = time.monotonic()
            told = (await answer(stub, long)).content
            assert not (await stub.ListSessions(ListSessionsRequest())).sessions
            await answers_again(stub)
            return Observed(f"the complete answer, {told!r}", time.monotonic() - began)
    finally:
        unmounting = await asyncio.create_subprocess_exec("umount", str(place.folder))
        assert not await unmounting.wait()


async def killed_while_it_saves(place: Place) -> Observed:
    """kill -9 as soon as there is something of the file."""
    sessions = place.folder / "sessions"
    given = options(place.model, parallel=1, ctx_size=8192, session_dir=sessions)
    async with served(given) as (stub, engine):
        await answer(stub, _turn(LONG))
        pid, new_file = engine.pid or 0, SessionFiles.new_file

        def killing(files: SessionFiles, session_id: str) -> str:
            name = new_file(files, session_id)
            Thread(target=_kill_when_there_is, args=(files.folder / name, pid)).start()
            return name

        with patch.object(SessionFiles, "new_file", killing):
            got = await answer(stub, _turn(LONG + "yes and then " + LONG))
        began = time.monotonic()
        await eventually(lambda: engine.crash_count == 1 and engine.is_ready)
        again = await answer(stub, _turn(LONG + "yes but then"))
        back_s = time.monotonic() - began
        assert _evaluated(again) <= 10, "the state of the message before it is whole"
        assert len(list(sessions.glob("*.kv"))) == 1
        return Observed(f"the complete answer, {got.content!r}", back_s)


def _kill_when_there_is(file: Path, pid: int) -> None:
    end = time.monotonic() + LONG_S
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.0001)
    os.kill(pid, signal.SIGKILL)


def _evaluated(found: Answer) -> int:
    """How many tokens of the prompt were not there yet."""
    return found.finish.usage.prompt_tokens - found.finish.usage.cached_tokens


async def service_killed_in_a_session(place: Place) -> Observed:
    """kill -9 of the service between two messages of a session and of its fork; it is started again."""
    sessions = place.folder / "sessions"
    async with service(place.model, sessions=sessions) as first, channel(await address_of(first)) as connection:
        stub = InferenceServiceStub(connection)
        await ready(stub)
        before = _evaluated(await answer(stub, _turn(LONG)))
        await stub.ForkSession(ForkSessionRequest(parent_id="a", id="b"))
        began = time.monotonic()
        first.kill()
    async with service(place.model, sessions=sessions) as second, channel(await address_of(second)) as connection:
        stub = InferenceServiceStub(connection)
        await ready(stub)
        own = _evaluated(await answer(stub, _turn(LONG + "yes and then")))
        back_s = time.monotonic() - began
        forked = _turn(LONG + "yes but then")
        forked.session_id = "b"
        assert max(own, _evaluated(await answer(stub, forked))) <= 10
        assert before > 1900
    return Observed("the next message evaluates only its new tokens, also in a fork", back_s)
