"""Downloads models from the Hugging Face Hub.

Uses `huggingface_hub`, and with it its progress bar, cache, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from promptweave.inference.errors import StartError

_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
"""A model split into several files; the engine is given the first."""

_CONNECT_S = 5.0


def fetch_model(repo: str, file: str | None) -> Path:
    """Return the local path of a repository's GGUF file, downloaded if it is not cached. Raises StartError."""
    # A heavy import that most starts do not need.
    import httpx
    from huggingface_hub import constants, hf_hub_download, list_repo_files
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    # Checked first: the library retries an unreachable hub for half a minute.
    problem = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _unreachable(constants.ENDPOINT)
    try:
        if file:
            names = [file, *_other_parts(file)]
        else:
            names = choose_files(_cached_files(repo) if problem else list_repo_files(repo), repo)
        first, *_ = [Path(hf_hub_download(repo, name, local_files_only=bool(problem))) for name in names]
    except RepositoryNotFoundError:
        raise StartError(
            f"{constants.ENDPOINT} has no repository {repo}, or it is private; check the name, or set HF_TOKEN"
        ) from None
    except HFValidationError as error:
        raise StartError(f"{repo!r} is not a repository name: {str(error).splitlines()[0]}") from None
    except EntryNotFoundError as error:
        if not isinstance(error, LocalEntryNotFoundError):
            raise StartError(f"{repo} on {constants.ENDPOINT} has no file {file}") from None
        raise _failed(repo, constants.ENDPOINT, problem or str(error)) from None
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise _failed(repo, constants.ENDPOINT, problem or str(error)) from None
    return first


def _unreachable(endpoint: str) -> str:
    """Return why the hub cannot be reached; "" if it can."""
    import httpx

    try:
        httpx.head(endpoint, timeout=httpx.Timeout(30.0, connect=_CONNECT_S))
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return ""


def _failed(repo: str, endpoint: str, reason: str) -> StartError:
    short = (reason.splitlines() or ["no reason given"])[0][:200]
    return StartError(
        f"cannot download {repo} from {endpoint}: {short}; "
        "pass a file with --model FILE, or set another hub with the variable HF_ENDPOINT"
    )


def choose_files(files: Iterable[str], repo: str) -> list[str]:
    """Return the files of the model to use: Q4_K_M if there is one, else the first; all parts of a split model, in order.

    Raises StartError if the repository has no GGUF file.
    """
    models = sorted(name for name in files if name.endswith(".gguf") and "mmproj" not in name.lower())
    if not models:
        raise StartError(f"{repo} contains no GGUF file; use a repository whose name ends in -GGUF")
    firsts = [name for name in models if not (part := _PART.search(name)) or int(part[1]) == 1]
    first = next((name for name in firsts if "q4_k_m" in name.lower()), (firsts or models)[0])
    return [first, *_other_parts(first)]


def _other_parts(first: str) -> list[str]:
    part = _PART.search(first)
    if not part:
        return []
    head = first[: part.start()]
    return [f"{head}-{number:05}-of-{part[2]}.gguf" for number in range(2, int(part[2]) + 1)]


def _cached_files(repo: str) -> list[str]:
    """Return the repository's cached files. Raises LocalEntryNotFoundError if there are none."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound, LocalEntryNotFoundError

    try:
        repos = scan_cache_dir().repos
    except CacheNotFound:
        repos = frozenset()
    files = [
        file.file_name for found in repos if found.repo_id == repo for revision in found.revisions for file in revision.files
    ]
    if not files:
        raise LocalEntryNotFoundError("it is not in the cache")
    return files
