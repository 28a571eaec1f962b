"""Sessions with a real engine: what goes on, where it goes on, and what happens when its state is not what it was."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from promptweave.demo.model import write_demo_model
from promptweave.errors import Code
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.sessions.store import SavedSession, SessionFiles
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.rpc.status import RemoteError
from promptweave.v1 import inference_pb2 as pb
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import eventually, options, served
from tests.support.inference.requests import Answer, answer, endless, program, refused, request, sampling, text

pytestmark = pytest.mark.anyio

LONG = "hello world " * 160
"""Some 2,000 tokens: the vocabulary is bytes."""


def speak(words: str, session: str, **fields: Any) -> pb.GenerateRequest:
    """A message of a session; what it writes is certain."""
    return request(program(text(words), gbnf='root ::= "yes"'), session_id=session, **fields)


def evaluated(found: Answer) -> int:
    """How many tokens of the prompt were not there yet."""
    return found.finish.usage.prompt_tokens - found.finish.usage.cached_tokens


async def failed(call: Any) -> RemoteError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)


def keeping(model: Path, folder: Path, **given: Any) -> Any:
    return served(options(model, ctx_size=4096, session_dir=folder, **given))


@pytest.fixture
async def stub(demo_model: Path, tmp_path: Path) -> AsyncIterator[InferenceServiceStub]:
    """A service with two slots that keeps sessions in `tmp_path`."""
    async with keeping(demo_model, tmp_path) as (stub, _):
        yield stub


async def test_the_second_turn_evaluates_its_new_tokens_alone(stub: InferenceServiceStub) -> None:
    first = await answer(stub, speak(LONG, "a"))
    assert evaluated(first) == first.finish.usage.prompt_tokens > 1900
    second = await answer(stub, speak(LONG + "yes and then", "a"))
    assert evaluated(second) <= 10
    forked = await answer(stub, speak(LONG + "yes but then", "b", parent_session_id="a"))
    assert evaluated(forked) <= 10
    listed = (await stub.ListSessions(pb.ListSessionsRequest())).sessions
    assert [(one.id, one.parent_id) for one in listed] == [("b", "a"), ("a", "")]
    assert all(one.tokens > 1900 and one.bytes > 1000 for one in listed)


async def test_more_sessions_than_slots(stub: InferenceServiceStub) -> None:
    names = [f"s{number}" for number in range(5)]
    # What they begin with differs, so nothing is reused by chance.
    for name in names:
        await answer(stub, speak(name + LONG, name))
    await answer(stub, request(program(text("x" + LONG), gbnf='root ::= "yes"')))
    for more in ("yes one", "yes one yes two"):
        for turn in await asyncio.gather(*(answer(stub, speak(name + LONG + more, name)) for name in names)):
            assert evaluated(turn) <= 10


async def test_messages_of_one_session_follow_one_another(stub: InferenceServiceStub) -> None:
    turns = await asyncio.gather(*(answer(stub, speak(LONG, "one")) for _ in range(4)))
    assert sorted(evaluated(turn) > 10 for turn in turns) == [False, False, False, True]


async def test_a_session_survives_a_restart_of_the_service(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path) as (stub, _):
        await answer(stub, speak(LONG, "a"))
        await stub.ForkSession(pb.ForkSessionRequest(parent_id="a", id="fork"))
    async with keeping(demo_model, tmp_path) as (stub, _):
        assert evaluated(await answer(stub, speak(LONG + "yes more", "a"))) <= 10
        restored = await stub.RestoreSession(pb.RestoreSessionRequest(id="fork"))
        assert restored.session.parent_id == "a"
        assert evaluated(await answer(stub, speak(LONG + "yes less", "fork"))) <= 10


def kept(folder: Path, kind: str) -> list[Path]:
    return list(folder.glob(f"*.{kind}"))


def age(note: Path) -> None:
    os.utime(note, (1e9, 1e9))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    state = bytearray(path.read_bytes())
    state[len(state) // 2] ^= 255
    path.write_bytes(state)


@pytest.mark.parametrize("harm", [cut, flip, os.remove])
async def test_a_damaged_session_is_refused_and_evaluated_anew(demo_model: Path, tmp_path: Path, harm: Any) -> None:
    async with keeping(demo_model, tmp_path) as (stub, _):
        await answer(stub, speak(LONG, "a"))
    (state,) = kept(tmp_path, "kv")
    harm(state)
    async with keeping(demo_model, tmp_path) as (stub, engine):
        pid = engine.pid
        error = await failed(stub.RestoreSession(pb.RestoreSessionRequest(id="a")))
        assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "ERROR_REASON_SESSION_UNUSABLE")
        again = await answer(stub, speak(LONG + "yes more", "a"))
        assert evaluated(again) > 1900
        assert again.content == "yes"
        assert evaluated(await answer(stub, speak(LONG + "yes more yes", "a"))) <= 10
        assert engine.pid == pid


async def test_a_session_of_another_model_is_refused_and_evaluated_anew(demo_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    write_demo_model(other, seed=7)
    sessions = tmp_path / "sessions"
    async with keeping(demo_model, sessions) as (stub, _):
        await answer(stub, speak(LONG, "a"))
    async with keeping(other, sessions) as (stub, _):
        error = await failed(stub.RestoreSession(pb.RestoreSessionRequest(id="a")))
        assert error.reason == "ERROR_REASON_SESSION_UNUSABLE"
        assert evaluated(await answer(stub, speak(LONG, "a"))) > 1900


async def test_sessions_are_listed_in_pages_and_deleted(stub: InferenceServiceStub) -> None:
    for number in range(5):
        await answer(stub, speak("hello", f"é {number}"))
    found, token = [], ""
    while True:
        page = await stub.ListSessions(pb.ListSessionsRequest(page_size=2, page_token=token))
        found += [one.id for one in page.sessions]
        token = page.next_page_token
        if not token:
            break
        assert len(page.sessions) == 2
    assert found == [f"é {number}" for number in range(4, -1, -1)]
    await stub.DeleteSession(pb.DeleteSessionRequest(id="é 3"))
    assert (await failed(stub.SaveSession(pb.SaveSessionRequest(id="é 3")))).code is Code.NOT_FOUND
    assert (await stub.SaveSession(pb.SaveSessionRequest(id="é 2"))).session.tokens
    assert (await failed(stub.ListSessions(pb.ListSessionsRequest(page_token="?")))).path == "/page_token"


async def test_what_is_not_there_is_said(stub: InferenceServiceStub) -> None:
    for call in (
        stub.SaveSession(pb.SaveSessionRequest(id="no")),
        stub.RestoreSession(pb.RestoreSessionRequest(id="no")),
        stub.ForkSession(pb.ForkSessionRequest(parent_id="no", id="new")),
        stub.DeleteSession(pb.DeleteSessionRequest(id="no")),
    ):
        error = await failed(call)
        assert (error.code, error.reason) == (Code.NOT_FOUND, "ERROR_REASON_SESSION_NOT_FOUND")
    error = await refused(stub, speak("x", "new", parent_session_id="no"))
    assert (error.code, error.path) == (Code.NOT_FOUND, "/parent_session_id")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"session_id": ""}, "/session_id"),
        ({"session_id": "x" * 257}, "/session_id"),
        ({"parent_session_id": "a"}, "/parent_session_id"),
    ],
)
async def test_a_name_that_is_none(stub: InferenceServiceStub, fields: dict[str, str], path: str) -> None:
    error = await refused(stub, request(**fields))
    assert (error.code, error.path) == (Code.INVALID_ARGUMENT, path)


async def test_the_least_used_sessions_go_when_all_take_too_much(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path, session_max_bytes=2_500_000) as (stub, _):
        for name in ("a", "b", "a", "c", "d"):
            await answer(stub, speak(LONG, name))
        listed = (await stub.ListSessions(pb.ListSessionsRequest())).sessions
        assert [one.id for one in listed] == ["d", "c"]
        assert len(kept(tmp_path, "kv")) == 2


async def test_old_sessions_are_forgotten(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path) as (stub, _):
        await answer(stub, speak("hello", "a"))
    for note in kept(tmp_path, "json"):
        age(note)
    async with keeping(demo_model, tmp_path) as (stub, _):
        assert not (await stub.ListSessions(pb.ListSessionsRequest())).sessions
    assert not kept(tmp_path, "*")


async def test_what_a_killed_service_left_is_taken_away(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path) as (stub, _):
        await answer(stub, speak("hello", "a"))
    name = kept(tmp_path, "json")[0].stem
    mine = tmp_path / "notes.txt"
    old, new = tmp_path / f"{name}-0123456789abcdef.kv", tmp_path / f"{name}-fedcba9876543210.kv"
    unnamed = tmp_path / f"{name}.0123456789abcdef"
    for file in (mine, old, new, unnamed):
        file.write_text("")
    for file in (mine, old, unnamed, *kept(tmp_path, "kv")):
        if file != new:
            age(file)
    async with keeping(demo_model, tmp_path) as (stub, _):
        assert evaluated(await answer(stub, speak("hello yes", "a"))) <= 10
    assert (mine.exists(), old.exists(), new.exists(), unnamed.exists()) == (True, False, True, False)


async def test_a_service_that_keeps_none_says_so(stub: InferenceServiceStub, demo_model: Path) -> None:
    async with served(options(demo_model)) as (bare, _):
        assert (await refused(bare, speak("x", "a"))).path == "/session_id"
        assert (await failed(bare.ListSessions(pb.ListSessionsRequest()))).code is Code.UNIMPLEMENTED


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_full_disk_costs_the_session_and_nothing_else(demo_model: Path, small_disk: Path) -> None:
    async with keeping(demo_model, small_disk) as (stub, engine):
        pid = engine.pid
        assert (await answer(stub, speak("hello", "small"))).content == "yes"
        assert (await answer(stub, speak(LONG, "large"))).content == "yes"
        assert (await answer(stub, speak(LONG + "yes" + LONG, "large"))).content == "yes"
        # What was saved before is still there.
        listed = (await stub.ListSessions(pb.ListSessionsRequest())).sessions
        assert [(one.id, one.tokens < 2000) for one in listed] == [("large", True), ("small", True)]
        assert engine.pid == pid
        assert len(kept(small_disk, "kv")) == 2


async def test_a_full_disk_is_no_hindrance_to_going_on(demo_model: Path, small_disk: Path) -> None:
    async with keeping(demo_model, small_disk, parallel=1) as (stub, _):
        await answer(stub, speak("hello " * 40, "a"))
        await answer(stub, speak("other", "b"))
        with suppress(OSError), (small_disk / "full").open("wb", buffering=0) as full:
            while True:
                full.write(bytes(4096))
        found = await answer(stub, speak("hello " * 40 + "yes more", "a"))
        assert (found.content, evaluated(found) <= 10) == ("yes", True)
        assert (await failed(stub.ForkSession(pb.ForkSessionRequest(parent_id="a", id="c")))).code is Code.INTERNAL
        assert len(kept(small_disk, "kv")) == 2


async def test_a_folder_that_was_cleared_away_costs_an_evaluation(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path / "s", parallel=1) as (stub, _):
        for name in ("a", "b"):
            await answer(stub, speak(name + LONG, name))
        shutil.rmtree(tmp_path / "s")
        # What the engine remembers by itself is not asked for here.
        assert (await answer(stub, speak("a" + LONG + "yes", "a"))).content == "yes"
        assert len(kept(tmp_path / "s", "json")) == 1
        await answer(stub, speak("b", "b"))
        assert evaluated(await answer(stub, speak("a" + LONG + "yes more", "a"))) <= 10


async def test_a_parent_that_is_written_meanwhile_stays_whole(stub: InferenceServiceStub) -> None:
    await answer(stub, speak(LONG, "a"))
    words = LONG
    for turn in range(4):
        words += "yes more"
        branches = (speak(f"{words} {branch}", f"{turn}-{branch}", parent_session_id="a") for branch in range(3))
        for found in await asyncio.gather(answer(stub, speak(words, "a")), *(answer(stub, each) for each in branches)):
            assert evaluated(found) <= 60
        await stub.RestoreSession(pb.RestoreSessionRequest(id="a"))


async def test_a_parent_that_is_replaced_while_it_is_read_is_read_to_its_end(
    stub: InferenceServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answer(stub, speak(LONG, "a"))
    check = SessionFiles.check
    replaced_files = []

    def replaced(files: SessionFiles, session: SavedSession) -> None:
        check(files, session)
        replaced_files.append(files.find("a").file)
        files.drop_file(replaced_files[0])  # As the session's own message does that is saved now.

    monkeypatch.setattr(SessionFiles, "check", replaced)
    # The other slots hold something else, so that the state is read.
    for name in ("x", "y"):
        await answer(stub, request(program(text(name + LONG), gbnf='root ::= "yes"')))
    branch = await answer(stub, speak(LONG + "yes more", "b", parent_session_id="a"))
    assert len(replaced_files) == 1
    assert evaluated(branch) <= 10


async def test_restoring_and_writing_at_the_same_time_wait_for_each_other_in_turn(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path, parallel=1) as (stub, _):
        await answer(stub, speak("hello", "a"))
        restores = [stub.RestoreSession(pb.RestoreSessionRequest(id="a"), timeout=30) for _ in range(3)]
        await asyncio.gather(*(answer(stub, speak("hello", "a")) for _ in range(3)), *restores)


async def test_so_many_calls_wait_for_a_session_and_no_more(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path, parallel=1) as (stub, engine):
        asked = endless(session_id="a")
        writing = stub.Generate(asked, timeout=60)
        await writing.read()
        waiting = [stub.Generate(asked, timeout=60) for _ in range(16)]
        await eventually(lambda: engine.ready().sessions.waiting == 16)
        assert (await refused(stub, asked)).reason == "ERROR_REASON_OVERLOADED"
        for call in (writing, *waiting):
            call.cancel()
        await eventually(lambda: not engine.ready().sessions.waiting)


async def test_who_ends_the_call_after_its_finish_has_the_session(stub: InferenceServiceStub) -> None:
    call = stub.Generate(speak(LONG, "a"))
    got = Answer()
    while not got.finish.reason:
        got.add((await call.read()).events)
    call.cancel()
    assert evaluated(await answer(stub, speak(LONG + "yes more", "a"))) <= 10


async def test_a_message_that_is_cancelled_leaves_its_session_as_it_was(stub: InferenceServiceStub) -> None:
    await answer(stub, speak(LONG, "a"))
    call = stub.Generate(request(program(text(LONG + "yes"), gbnf='root ::= "a" root'), session_id="a"))
    await call.read()
    call.cancel()
    assert (await stub.SaveSession(pb.SaveSessionRequest(id="a"))).session.tokens < 2000
    assert evaluated(await answer(stub, speak(LONG + "yes more", "a"))) <= 10


async def test_a_restored_session_writes_what_it_would_have_written(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path, parallel=1) as (stub, _):
        asked = request(program(text(LONG + "yes more")), session_id="a", max_tokens=40, sampling=sampling(temperature=0))
        await answer(stub, speak(LONG, "a"))
        await stub.ForkSession(pb.ForkSessionRequest(parent_id="a", id="b"))
        stayed = await answer(stub, asked)
        await answer(stub, speak("another one", "c"))
        asked.session_id = "b"
        restored = await answer(stub, asked)
        assert evaluated(restored) <= 10
        assert restored.content == stayed.content


async def test_two_services_share_a_folder(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path, parallel=1) as (one, _), keeping(demo_model, tmp_path, parallel=1) as (two, _):
        words = LONG
        for turn in range(4):
            found = await answer((one, two)[turn % 2], speak(words, "a"))
            assert found.content == "yes"
            assert evaluated(found) <= 30 or not turn
            words += "yes and more"
        assert len(kept(tmp_path, "kv")) == len(kept(tmp_path, "json")) == 1


async def test_a_state_that_takes_the_engine_down_does_so_once(demo_model: Path, tmp_path: Path) -> None:
    async with keeping(demo_model, tmp_path, parallel=1) as (stub, engine):
        await answer(stub, speak(LONG, "a"))
        await answer(stub, speak("another one", "b"))
        # What the engine aborts at, with a sum that is right.
        (note,) = (note for note in kept(tmp_path, "json") if json.loads(note.read_text())["id"] == "a")
        told = json.loads(note.read_text())
        cut(tmp_path / told["file"])
        told["sha256"] = hashlib.sha256((tmp_path / told["file"]).read_bytes()).hexdigest()
        note.write_text(json.dumps(told))
        found = await answer(stub, speak(LONG + "yes", "a"))
        assert (found.content, engine.crash_count) == ("yes", 1)
        assert evaluated(await answer(stub, speak(LONG + "yes more", "a"))) <= 10


def test_a_folder_that_cannot_be_made_is_one_line(demo_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Exception, match=r"cannot store sessions in .*file/sessions: Not a directory"):
        Supervisor(options(demo_model, session_dir=tmp_path / "file" / "sessions"))
