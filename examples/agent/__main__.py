"""The command: python examples/agent QUESTION --tools MODULE.py --answer TYPE"""

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Any

import click
import openai
from answers import answer_format
from loop import AgentError, run
from openapi_tools import ToolError, Tools
from tool_process import tool_process
from transcript import Transcript


@click.command()
@click.argument("question")
@click.option(
    "--tools",
    "sources",
    multiple=True,
    metavar="MODULE.py|URL",
    help="Where tools are from: a Python module, or a server with an OpenAPI description. May be given again.",
)
@click.option("--only", multiple=True, metavar="NAME", help="Offer this tool, of all that there are. May be given again.")
@click.option("--header", "headers", multiple=True, metavar="NAME: VALUE", help="For servers of tools that ask for it.")
@click.option("--answer", metavar="SCHEMA.json|MODULE.py:TYPE", help="The form of the answer. Without it: text.")
@click.option("--system", metavar="TEXT", help="A system message.")
@click.option(
    "--max-iterations",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Rounds of calls, after which the model must answer.",
)
@click.option("--greedy", is_flag=True, help="Always the likeliest token: the same answer each time.")
@click.option("--max-tokens", type=click.IntRange(1), help="Of each message of the model.")
@click.option(
    "--tool-timeout",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds that a call may take.",
)
@click.option("--base-url", envvar="OPENAI_BASE_URL", default="http://localhost:8080/v1", show_default=True)
@click.option("--api-key", envvar="OPENAI_API_KEY", default="none")
@click.option("--model", help="Default: the first that the server has.")
def main(**given: Any) -> None:
    """Ask QUESTION, let the model call tools, and print its answer. Progress is shown on stderr."""
    transcript = Transcript()
    try:
        answer = asyncio.run(_answered(transcript, **given))
    except openai.APIConnectionError as error:
        raise click.ClickException(f"{given['base_url']} cannot be reached: is `promptweave serve` running?") from error
    except (AgentError, ToolError, ValueError, openai.OpenAIError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        transcript.ended()
    # On the same terminal as the transcript, the answer would appear twice.
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        click.echo(answer)


async def _answered(
    transcript: Transcript, *, question: str, sources: tuple[str, ...], headers: tuple[str, ...], **given: Any
) -> str:
    request: dict[str, Any] = {"max_tokens": given["max_tokens"]} if given["max_tokens"] else {}
    if given["greedy"]:
        request["temperature"] = 0
    if given["answer"]:
        request["response_format"] = answer_format(given["answer"]).response_format
    messages: list[Any] = [{"role": "system", "content": given["system"]}] if given["system"] else []
    messages.append({"role": "user", "content": question})
    only = frozenset(given["only"])
    sent = dict(each.split(":", 1) for each in headers)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(openai.AsyncOpenAI(base_url=given["base_url"], api_key=given["api_key"]))
        model = given["model"] or (await client.models.list()).data[0].id
        tools = await stack.enter_async_context(Tools(timeout_s=given["tool_timeout"]))
        for source in sources:
            if source.startswith(("http://", "https://")):
                await tools.add(source, headers={name: value.strip() for name, value in sent.items()}, only=only)
            else:
                url, token = await stack.enter_async_context(tool_process(source))
                await tools.add(url, headers={"Authorization": f"Bearer {token}"}, only=only)
        return await run(client, messages, tools, transcript, max_iterations=given["max_iterations"], model=model, **request)


if __name__ == "__main__":
    sys.exit(main())
