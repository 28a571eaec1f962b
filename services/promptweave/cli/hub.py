"""Models from the Hugging Face hub, through its own library: progress bar, cache, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE."""

import re
from collections.abc import Iterable
from pathlib import Path

from promptweave.inference.errors import StartError

_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
"""A model in several files, of which the engine is given the first."""


def fetch_model(repo: str, file: str | None) -> Path:
    """The local path of a repository's GGUF file, downloaded if it is not in the cache. Raises StartError."""
    # A heavy library, and most starts need none of it.
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    try:
        names = [file] if file else _choose(repo)
        first, *others = names + (_other_parts(names[0]) if file else [])
        path = Path(hf_hub_download(repo, first))
        for other in others:
            hf_hub_download(repo, other)
    except EntryNotFoundError as error:
        if file is not None and "LocalEntryNotFound" not in type(error).__name__:
            raise StartError(f"{repo} on {constants.ENDPOINT} has no file {file}") from None
        raise _unreachable(repo, constants.ENDPOINT, error) from None
    except RepositoryNotFoundError:
        raise StartError(
            f"{constants.ENDPOINT} has no repository {repo}, or it is private: check the name, or set HF_TOKEN"
        ) from None
    except HFValidationError as error:
        raise StartError(f"{repo!r} is no repository's name: {error}") from None
    except (HfHubHTTPError, OSError, _transport_error()) as error:
        raise _unreachable(repo, constants.ENDPOINT, error) from None
    return path


def _unreachable(repo: str, endpoint: str, error: Exception) -> StartError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return StartError(
        f"cannot download {repo} from {endpoint}: {reason[:200]}; "
        "give a file with --model FILE, or another hub with the variable HF_ENDPOINT"
    )


def _transport_error() -> type[Exception]:
    import httpx

    return httpx.HTTPError


def _choose(repo: str) -> list[str]:
    """The files of the model to take: Q4_K_M if there is one, else the first; all parts, the first one first."""
    from huggingface_hub import list_repo_files
    from huggingface_hub.errors import HfHubHTTPError

    try:
        files = list_repo_files(repo)
    except (HfHubHTTPError, OSError, _transport_error()):
        files = _cached_files(repo)
        if not files:
            raise
    return choose_files(files, repo)


def choose_files(files: Iterable[str], repo: str) -> list[str]:
    """Of a repository's files those of the model to take. Raises StartError where there is none."""
    models = sorted(name for name in files if name.endswith(".gguf") and "mmproj" not in name.lower())
    if not models:
        raise StartError(f"{repo} holds no GGUF file; look for a repository whose name ends in -GGUF")
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
    """What of the repository is in the cache already."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return [
        file.file_name for found in repos if found.repo_id == repo for revision in found.revisions for file in revision.files
    ]
