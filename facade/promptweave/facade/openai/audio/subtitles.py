"""Segments of a transcript as subtitles: SubRip and WebVTT."""

from collections.abc import Iterator, Sequence
from html import escape

from promptweave.v1 import inference_pb2

Segments = Sequence[inference_pb2.TranscribeResponse.Segment]

_ARROW = "-->"


def srt(segments: Segments) -> str:
    """Return SubRip. The arrow that separates times must not occur in a text."""
    cues = enumerate(_cues(segments, ","), 1)
    return "".join(f"{number}\n{times}\n{text.replace(_ARROW, '->')}\n\n" for number, (times, text) in cues)


def vtt(segments: Segments) -> str:
    """Return WebVTT (https://www.w3.org/TR/webvtt1/), in which `<` begins a tag and `&` a character."""
    return "WEBVTT\n\n" + "".join(f"{times}\n{escape(text, quote=False)}\n\n" for times, text in _cues(segments, "."))


def _cues(segments: Segments, point: str) -> Iterator[tuple[str, str]]:
    """Yield times and text, without line breaks: an empty line would end a cue."""
    for segment in segments:
        if text := " ".join(segment.text.split()):
            yield f"{_time(segment.start, point)} {_ARROW} {_time(segment.end, point)}", text


def _time(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{milliseconds:03}"
