"""The configuration of each agent: base URL, key, model and context size, in the form that the agent reads.

Each function takes the model, the API to call, and a temporary folder for files. docs/agents.md lists the tested versions.
"""

import json
from pathlib import Path
from typing import Any

from promptweave.cli.agents.agent import AgentSetup, ServedModel, Wire

_KEY_VARIABLE = "PROMPTWEAVE_API_KEY"
_PROVIDER = "promptweave"


def codex(served: ServedModel, wire: Wire, folder: Path) -> AgentSetup:
    """Configure Codex CLI with `-c` options, which precede ~/.codex/config.toml. Values are TOML."""
    values = {
        "model": served.model,
        "model_provider": _PROVIDER,
        "model_context_window": served.context,
        f"model_providers.{_PROVIDER}.name": _PROVIDER,
        f"model_providers.{_PROVIDER}.base_url": served.v1,
        f"model_providers.{_PROVIDER}.env_key": _KEY_VARIABLE,
        f"model_providers.{_PROVIDER}.wire_api": wire.value,
    }
    options = tuple(part for name, value in values.items() for part in ("-c", f"{name}={json.dumps(value)}"))
    return AgentSetup({_KEY_VARIABLE: served.api_key}, options=options)


def claude(served: ServedModel, wire: Wire, folder: Path) -> AgentSetup:
    """Configure Claude Code with environment variables, and the same in a settings file.

    All its model names select the served model. The variables in ~/.claude/settings.json would override the environment; the
    file of `--settings` precedes both. An empty `apiKeyHelper` keeps the user's helper from sending a key to this server.
    """
    names = ("", "DEFAULT_OPUS_", "DEFAULT_SONNET_", "DEFAULT_HAIKU_", "DEFAULT_FABLE_")
    environment = {
        "ANTHROPIC_BASE_URL": served.url,
        "ANTHROPIC_AUTH_TOKEN": served.api_key,
        "ANTHROPIC_API_KEY": "",
        **{f"ANTHROPIC_{name}MODEL": served.model for name in names},
        "CLAUDE_CODE_SUBAGENT_MODEL": served.model,
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(served.context),
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(served.max_output),
        "CLAUDE_CODE_USE_BEDROCK": "",
        "CLAUDE_CODE_USE_VERTEX": "",
    }
    path = folder / "settings.json"
    settings = {"model": served.model, "apiKeyHelper": "", "env": environment}
    return AgentSetup(environment, {path: json.dumps(settings)}, ("--settings", str(path)))


_AI_SDK_PACKAGES = {
    Wire.CHAT: "@ai-sdk/openai-compatible",
    Wire.RESPONSES: "@ai-sdk/openai",
    Wire.MESSAGES: "@ai-sdk/anthropic",
}


def opencode(served: ServedModel, wire: Wire, folder: Path) -> AgentSetup:
    """Configure opencode with a variable that holds a configuration, which is merged over the user's."""
    name = f"{_PROVIDER}/{served.model}"
    model = {
        "name": served.model,
        "tool_call": True,
        "limit": {"context": served.context, "output": served.max_output},
    }
    provider = {
        "npm": _AI_SDK_PACKAGES[wire],
        "name": _PROVIDER,
        "options": {"baseURL": served.v1, "apiKey": served.api_key},
        "models": {served.model: model},
    }
    config = {
        "$schema": "https://opencode.ai/config.json",
        "model": name,
        "small_model": name,
        "provider": {_PROVIDER: provider},
    }
    return AgentSetup({"OPENCODE_CONFIG_CONTENT": json.dumps(config)})


_QWEN_AUTH_TYPES = {Wire.CHAT: "openai", Wire.RESPONSES: "openai-responses", Wire.MESSAGES: "anthropic"}


def qwen(served: ServedModel, wire: Wire, folder: Path) -> AgentSetup:
    """Configure Qwen Code with environment variables, and the context size with a file of system defaults."""
    defaults = folder / "system-defaults.json"
    prefix, base_url = ("ANTHROPIC", served.url) if wire is Wire.MESSAGES else ("OPENAI", served.v1)
    environment = {
        f"{prefix}_API_KEY": served.api_key,
        f"{prefix}_BASE_URL": base_url,
        f"{prefix}_MODEL": served.model,
        "QWEN_CODE_SYSTEM_DEFAULTS_PATH": str(defaults),
    }
    settings = {"model": {"generationConfig": {"contextWindowSize": served.context}}}
    options = ("--auth-type", _QWEN_AUTH_TYPES[wire], "--model", served.model)
    return AgentSetup(environment, {defaults: json.dumps(settings)}, options)


_CLINE_PROVIDERS = {Wire.CHAT: "openai-compatible", Wire.RESPONSES: "openai-native", Wire.MESSAGES: "anthropic"}


def cline(served: ServedModel, wire: Wire, folder: Path) -> AgentSetup:
    """Configure Cline with a data folder of its own, since it has no option for the base URL."""
    provider = _CLINE_PROVIDERS[wire]
    settings = {"provider": provider, "apiKey": served.api_key, "model": served.model, "baseUrl": served.v1}
    entry = {"settings": settings, "updatedAt": "2026-01-01T00:00:00.000Z", "tokenSource": "manual"}
    providers = {"version": 1, "lastUsedProvider": provider, "modes": {}, "providers": {provider: entry}}
    return AgentSetup(
        files={folder / "settings" / "providers.json": json.dumps(providers)},
        options=("--data-dir", str(folder), "-P", provider, "-m", served.model),
    )


def continue_(served: ServedModel, wire: Wire, folder: Path) -> AgentSetup:
    """Configure Continue with a configuration file. JSON is valid YAML."""
    model: dict[str, Any] = {
        "name": served.model,
        "provider": "anthropic" if wire is Wire.MESSAGES else "openai",
        "model": served.model,
        "apiBase": served.v1,
        "apiKey": served.api_key,
        "useResponsesApi": False,
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use"],
        "defaultCompletionOptions": {"contextLength": served.context, "maxTokens": served.max_output},
    }
    path = folder / "config.yaml"
    config = {"name": _PROVIDER, "version": "0.0.1", "schema": "v1", "models": [model]}
    return AgentSetup(files={path: json.dumps(config)}, options=("--config", str(path)))


_PI_APIS = {Wire.CHAT: "openai-completions", Wire.RESPONSES: "openai-responses", Wire.MESSAGES: "anthropic-messages"}


def pi(served: ServedModel, wire: Wire, folder: Path) -> AgentSetup:
    """Configure pi with an extension that registers a provider; the user's own extensions and settings still apply."""
    model = {
        "type": "chat",
        "id": served.model,
        "name": served.model,
        "reasoning": False,
        "input": ["text"],
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        "contextWindow": served.context,
        "maxTokens": served.max_output,
    }
    provider = {
        "name": _PROVIDER,
        "baseUrl": served.url if wire is Wire.MESSAGES else served.v1,
        "apiKey": f"${_KEY_VARIABLE}",
        "api": _PI_APIS[wire],
        "models": [model],
    }
    path = folder / "promptweave-provider.js"
    text = f"export default function (pi) {{\n  pi.registerProvider({json.dumps(_PROVIDER)}, {json.dumps(provider)});\n}}\n"
    options = ("-e", str(path), "--model", f"{_PROVIDER}/{served.model}")
    return AgentSetup({_KEY_VARIABLE: served.api_key}, {path: text}, options)


def aider(served: ServedModel, wire: Wire, folder: Path) -> AgentSetup:
    """Configure aider with files for variables and, in LiteLLM's form, for the context size.

    The file of `--env-file` precedes the environment, `.env` files and .aider.conf.yml.
    """
    name = f"openai/{served.model}"
    metadata = {
        "max_input_tokens": served.context,
        "max_output_tokens": served.max_output,
        "max_tokens": served.max_output,
        "input_cost_per_token": 0,
        "output_cost_per_token": 0,
        "litellm_provider": "openai",
        "mode": "chat",
    }
    variables = {"OPENAI_API_BASE": served.v1, "OPENAI_API_KEY": served.api_key}
    lines = [
        f"{prefix}{variable}={json.dumps(value)}\n" for variable, value in variables.items() for prefix in ("", "AIDER_")
    ]
    environment, metadata_file = folder / "env", folder / "model-metadata.json"
    models = tuple(part for option in ("--model", "--weak-model", "--editor-model") for part in (option, name))
    options = ("--env-file", str(environment), "--model-metadata-file", str(metadata_file), "--no-show-model-warnings")
    files = {environment: "".join(lines), metadata_file: json.dumps({name: metadata})}
    return AgentSetup(files=files, options=(*models, *options))
