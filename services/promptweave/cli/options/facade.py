"""Options of the facade, shared by `serve` and `facade`."""

from typing import Any, get_args

import click

from promptweave.cli.options.topics import Decorator, all_of, api_option, log_option, security_option, storage_option
from promptweave.cli.options.values import DAY_S, FILE, MIB, fields_of, in_bytes, in_seconds
from promptweave.facade.options import FacadeOptions, RepeatedCalls, UnusableImages
from promptweave.rpc.security import NO_SECURITY, Security

facade_options: Decorator[Any] = all_of(
    api_option(
        "--host",
        default=FacadeOptions.host,
        metavar="ADDR",
        help="Address to listen on; 0.0.0.0 accepts connections from other machines.",
    ),
    api_option(
        "--port",
        type=click.IntRange(0, 65535),
        default=FacadeOptions.port,
        metavar="PORT",
        help="Port of the OpenAI API; 0 picks a free one.",
    ),
    security_option(
        "--api-key",
        "api_keys",
        multiple=True,
        metavar="KEY",
        help="API key that clients must send. Repeatable.  [default: none required]",
    ),
    security_option(
        "--api-keys-file",
        type=FILE,
        metavar="FILE",
        help="File with API keys, one per line; reloaded when it changes.",
    ),
    security_option(
        "--requests-per-minute",
        type=click.IntRange(1),
        metavar="N",
        help="Maximum requests per minute per API key (per address without keys).  [default: no limit]",
    ),
    security_option(
        "--concurrent-requests",
        type=click.IntRange(1),
        metavar="N",
        help="Maximum concurrent requests per API key (per address without keys).  [default: no limit]",
    ),
    security_option(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        metavar="ORIGIN",
        help="Origin allowed by CORS, such as https://example.org; '*' allows all. Repeatable.  [default: none]",
    ),
    security_option(
        "--allowed-host",
        "allowed_hosts",
        multiple=True,
        metavar="NAME",
        help="Without API keys: name by which clients may reach the server, beside addresses and local names; '*' allows"
        " all. Repeatable.  [default: none]",
    ),
    security_option(
        "--tls-cert",
        type=FILE,
        metavar="FILE",
        help="TLS certificate (PEM); serves HTTPS. Requires --tls-key.",
    ),
    security_option("--tls-key", type=FILE, metavar="FILE", help="Private key of --tls-cert (PEM)."),
    security_option(
        "--max-body-mib",
        "max_body_bytes",
        aliases=("--max-body",),
        type=click.FloatRange(0, min_open=True),
        default=FacadeOptions.max_body_bytes / MIB,
        callback=in_bytes(MIB),
        metavar="MIB",
        help="Maximum size of a request body, in MiB.",
    ),
    log_option(
        "--access-log/--no-access-log", default=FacadeOptions.access_log, help="Log each request, without its contents."
    ),
    api_option(
        "--alias",
        "aliases",
        multiple=True,
        default=FacadeOptions.aliases,
        metavar="NAME",
        help="Additional name of the model; wildcards are allowed. Repeatable; replaces the defaults.",
    ),
    api_option(
        "--unusable-images",
        type=click.Choice(get_args(UnusableImages)),
        default=FacadeOptions.unusable_images,
        help=(
            "Images that cannot be used (a remote URL, damaged data, no projector): reject the request, or put the text "
            "'[image left out]' in their place, with a warning."
        ),
    ),
    api_option(
        "--chat-template",
        type=FILE,
        metavar="FILE",
        help="File with a Jinja chat template, in place of the model's own; reloaded when it changes.",
    ),
    api_option(
        "--routes",
        type=FILE,
        metavar="FILE",
        help="TOML file with the names and addresses of several models; reloaded when it changes. See docs/deploy.md.",
    ),
    api_option(
        "--repeated-calls",
        type=click.Choice(get_args(RepeatedCalls)),
        default=FacadeOptions.repeated_calls,
        help="If a conversation ends with the same call and result three times: warn, or prevent that call in the answer.",
    ),
    api_option(
        "--think-first",
        is_flag=True,
        help="Let models without reasoning of their own think before a call or a formatted answer.",
    ),
    security_option(
        "--request-timeout",
        "request_timeout_s",
        type=click.FloatRange(1),
        default=FacadeOptions.request_timeout_s,
        metavar="S",
        help="Maximum duration of a request, in seconds.",
    ),
    api_option("--no-explorer", is_flag=True, help="Disable the Prompt Explorer, the page at /."),
    storage_option(
        "--responses-store",
        type=click.Path(dir_okay=False, resolve_path=True),
        metavar="FILE",
        help="SQLite file for stored /v1/responses.  [default: in memory]",
    ),
    storage_option(
        "--responses-max-count",
        "responses_most",
        aliases=("--responses-most",),
        type=click.IntRange(0),
        default=FacadeOptions.responses_most,
        metavar="N",
        help="Maximum number of stored responses; 0 disables storing. The oldest are deleted first.",
    ),
    storage_option(
        "--responses-max-mib",
        "responses_bytes",
        aliases=("--responses-size",),
        type=click.FloatRange(0),
        default=FacadeOptions.responses_bytes / MIB,
        callback=in_bytes(MIB),
        metavar="MIB",
        help="Maximum total size of stored responses, in MiB.",
    ),
    storage_option(
        "--responses-max-days",
        "responses_age_s",
        aliases=("--responses-age",),
        type=click.FloatRange(0),
        default=FacadeOptions.responses_age_s / DAY_S,
        callback=in_seconds(DAY_S),
        metavar="DAYS",
        help="Delete stored responses after this many days.",
    ),
)


def to_facade(given: dict[str, Any], *, compiler: str, inference: str, security: Security = NO_SECURITY) -> FacadeOptions:
    """Return the facade's options."""
    known: dict[str, Any] = {
        "compiler": compiler,
        "inference": inference,
        "security": security,
        "explorer": not given["no_explorer"],
    }
    return FacadeOptions(**fields_of(FacadeOptions, given) | known)
