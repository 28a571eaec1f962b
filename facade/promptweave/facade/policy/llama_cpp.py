"""Fields of llama.cpp's own API, which its clients send to the others, too."""

from collections.abc import Sequence

from promptweave.facade.policy.rules import FieldRule, left_out, refused

FIELDS: Sequence[FieldRule] = (
    left_out("cache_prompt", "prompts are always cached", (True,)),
    refused("n_predict", "use max_completion_tokens instead", (-1,)),
    refused("n_probs", "use top_logprobs instead", (0,)),
    refused("reasoning_budget_tokens", "use thinking_budget_tokens instead", (-1,)),
    left_out("id_slot", "the service assigns slots", (-1,)),
    left_out("priority", "requests are queued in order", (0,)),
    *(left_out(name, "set by the service", (-1,)) for name in ("t_max_predict_ms", "t_max_prompt_ms")),
    *(left_out(name, "context shifting is disabled", (0,)) for name in ("n_keep", "n_discard")),
    *(left_out(name, "set by the compiler") for name in ("grammar_lazy", "grammar_triggers", "preserved_tokens")),
    refused("n_indent", "specific to llama.cpp's own completions API", (0,)),
    refused("ignore_eos", "specific to llama.cpp's own completions API"),
    *(
        left_out(name, "specific to llama.cpp's own completions API")
        for name in ("post_sampling_probs", "return_tokens", "return_progress", "response_fields")
    ),
    refused("lora", "LoRA adapters are loaded by the service"),
    refused("image_data", "send images as content parts of messages"),
)
