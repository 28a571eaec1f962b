"""What the Prompt Explorer shows, and how it is used, with the demo model behind it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.explorer.conftest import Opening
from tests.support.serving import Serving, running

Picture = Callable[[Any, str], None]

STAYS = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", "Bergen"]}, "nights": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["city", "nights"],
    "additionalProperties": False,
}
REQUEST = {
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Two nights in Oslo 🏔, please."}],
    "tools": [{"type": "function", "function": {"name": "book", "description": "Books a stay", "parameters": STAYS}}],
    "tool_choice": {"type": "function", "function": {"name": "book"}},
    "max_tokens": 200,
    "seed": 3,
    "top_k": 40,
}
TEMPLATE = "{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}[assistant] "
"""It shows neither tools nor calls."""


def state(page: Any, name: str) -> None:
    page.wait_for_selector(f"html[data-state={name}]")


def ask(page: Any, request: Any) -> None:
    """Types a request."""
    page.fill("#request", request if isinstance(request, str) else json.dumps(request, indent=2, ensure_ascii=False))


def example(page: Any, name: str) -> None:
    page.select_option("#examples", label=name)
    state(page, "ready")


def selected(page: Any) -> str:
    """What is selected of the request."""
    return str(page.evaluate("(({value, selectionStart: a, selectionEnd: b}) => value.slice(a, b))(document.activeElement)"))


def prompt_of(page: Any) -> str:
    return str(page.evaluate("document.getElementById('prompt').textContent"))


def compiled(served: Serving, request: Any) -> Any:
    return httpx.post(f"{served.url.removesuffix('/v1')}/apply-template", json=request, timeout=60).json()


def test_it_loads_with_the_prompt_of_an_example(opening: Opening, served: Serving, picture: Picture) -> None:
    page = opening()
    state(page, "ready")
    picture(page, "prompt")
    request = json.loads(page.input_value("#request"))
    assert prompt_of(page) == compiled(served, request)["prompt"]
    assert page.inner_text("#model") == "demo"
    said = page.eval_on_selector_all("[data-role]", "all => all.map(one => one.dataset.role)")
    assert said == ["system", "tool get_current_weather", "tool get_n_day_weather_forecast", "user"]
    assert page.inner_text("[data-role=user]").endswith(request["messages"][1]["content"])
    assert "<|im_start|>" in page.eval_on_selector_all("#prompt .special", "all => all.map(one => one.textContent)")
    assert not page.is_visible("#warnings")
    assert not page.is_visible("#error")


def test_tokens_are_shown_on_demand(opening: Opening, served: Serving) -> None:
    page = opening()
    state(page, "ready")
    ask(page, REQUEST)
    state(page, "ready")
    assert page.locator("#prompt .token").count() == 0
    page.check("#show-tokens")
    text = prompt_of(page)
    whole = {"content": text, "add_special": True}
    tokens = httpx.post(f"{served.url.removesuffix('/v1')}/tokenize", json=whole, timeout=60).json()["tokens"]
    assert page.inner_text("#summary").startswith(f"{len(tokens)} tokens · native style · ")
    titles = page.eval_on_selector_all("#prompt .token", "all => all.map(one => one.title)")
    # A character that is several tokens is told as one; a token may be shown in two parts, never be left out.
    assert any(title.count(",") == 3 for title in titles)
    assert "".join(page.eval_on_selector_all("#prompt .token", "all => all.map(one => one.textContent)")) == text


def test_data_that_spells_special_tokens_is_shown_as_text(opening: Opening) -> None:
    page = opening()
    state(page, "ready")
    example(page, "Special tokens in a message")
    assert page.eval_on_selector_all("#prompt .as-text", "all => all.map(one => one.textContent)") == [
        "<|im_end|>",
        "<|im_end|>",
        "<|im_start|>",
    ]


def test_grammar_rules_lead_to_their_schemas(opening: Opening, picture: Picture) -> None:
    page = opening()
    state(page, "ready")
    example(page, "A call is required")
    page.click("#tab-grammar")
    picture(page, "grammar")
    page.click("#panel-grammar button.place:text-is('/tools/0/function/parameters/properties/format')")
    assert json.loads(selected(page))["enum"] == ["celsius", "fahrenheit"]
    page.click(".rule a >> nth=0")
    assert page.evaluate("document.activeElement.className") == "rule"
    page.click("#panel-grammar button:text-is('Fold all')")
    assert page.locator(".group[open]").count() == 0


def test_tools_in_both_notations(opening: Opening) -> None:
    page = opening()
    state(page, "ready")
    ask(page, REQUEST)
    state(page, "ready")
    page.click("#tab-tools")
    assert json.loads(page.inner_text("#panel-tools pre"))["name"] == "book"
    page.click("#panel-tools button >> text=TypeScript")
    assert 'city: "Oslo" | "Bergen",' in page.inner_text("#panel-tools pre")


def test_warnings_stand_at_their_place(opening: Opening, picture: Picture) -> None:
    page = opening()
    state(page, "ready")
    example(page, "Warnings")
    picture(page, "warnings")
    assert page.locator("#request-editor .warned").count() > 0
    page.click("#warnings button >> text=uniqueItems")
    assert selected(page) == "true"


def test_what_is_no_json_is_told_by_line_and_column(opening: Opening) -> None:
    page = opening()
    state(page, "ready")
    ask(page, '{\n  "messages": [{"role": "user", "content": "hi"},]\n}')
    state(page, "error")
    assert "line 2, column 50: a comma stands before the end of the list" in page.inner_text("#request-state")
    page.click("#request-state button")
    assert selected(page) == "]"
    ask(page, '{"messages": [{"role": "user", "content": "hi"}]}')
    state(page, "ready")
    assert page.inner_text("#request-state") == ""


def test_what_is_refused_is_told_at_its_place(opening: Opening, picture: Picture) -> None:
    page = opening()
    state(page, "ready")
    bad = {**STAYS, "properties": {**STAYS["properties"], "name": {"type": "string", "pattern": "(a"}}}
    ask(page, {**REQUEST, "tools": [{"type": "function", "function": {"name": "book", "parameters": bad, "strict": True}}]})
    state(page, "error")
    picture(page, "error")
    assert page.inner_text("#error").startswith("/tools/0/function/parameters/properties/name/pattern: ")
    page.click("#error button")
    assert selected(page) == '"(a"'


def test_an_answer_is_followed_token_by_token(opening: Opening, picture: Picture) -> None:
    page = opening()
    state(page, "ready")
    ask(page, REQUEST)
    page.press("#request", "Control+Enter")
    page.wait_for_selector("html[data-run=ran]")
    kinds = page.eval_on_selector_all("#tokens .t", "all => all.map(one => [one.textContent, one.className.split(' ')[1]])")
    assert {kind for _, kind in kinds} <= {"forced", "constrained", "chosen"}
    written = page.evaluate("document.getElementById('tokens').textContent").replace("↵", "")
    call = page.inner_text("#message .call pre")
    assert f'{{"name": "book", "arguments": {call}}}' in written
    booked = json.loads(call)
    assert booked["city"] in ("Oslo", "Bergen")
    assert 1 <= booked["nights"] <= 9
    # Between the city's first letter and the next choice the grammar leaves one way to go on.
    letters = "".join(text for text, kind in kinds if kind == "forced")
    assert (booked["city"][1:] + '", "nights": ') in letters
    first = next(kind for text, kind in kinds if text == booked["city"][0])
    assert first in ("constrained", "chosen")
    assert "prompt " in page.inner_text("#timings")
    page.focus("#tokens")
    page.press("#tokens", "ArrowRight")
    assert page.inner_text("#token p").startswith(f"{kinds[0][1]}: ")
    assert page.locator("#token tr.taken").count() == 1
    page.hover("#tokens .t.constrained >> nth=0")
    assert page.locator("#token tr.out").count() > 0
    picture(page, "answer")


def test_a_template_and_an_output_of_ones_own(opening: Opening, picture: Picture) -> None:
    page = opening()
    state(page, "ready")
    ask(page, REQUEST)
    page.click("#tab-template")
    page.fill("#template", TEMPLATE)
    state(page, "ready")
    assert prompt_of(page).startswith("[system] Be brief.")
    assert page.is_disabled("#run")
    page.click("#tab-profile")
    picture(page, "template")
    assert "generic: works with any template" in page.inner_text("#panel-profile")
    page.click("#tab-answer")
    page.click("#from-paste")
    page.fill(
        "#output", ' "easy", "next_step": {"tool_calls": [{"name": "book", "arguments": {"city": "Oslo", "nights": 2}}]}}'
    )
    page.wait_for_selector("#message .finish")
    assert page.inner_text("#message .call b") == "book"
    assert json.loads(page.inner_text("#message .call pre")) == {"city": "Oslo", "nights": 2}
    assert page.inner_text("#message .finish") == "finish reason tool_calls; complete"
    page.click("#tab-template")
    page.click("#own-template")
    state(page, "ready")
    assert not page.is_disabled("#run")


def test_a_template_that_fails_says_where(opening: Opening) -> None:
    page = opening()
    state(page, "ready")
    page.click("#tab-template")
    page.fill("#template", "{% for message in messages %}")
    state(page, "error")
    assert "the chat template cannot be parsed" in page.inner_text("#error")


def test_a_link_reproduces_the_page(opening: Opening) -> None:
    page = opening()
    state(page, "ready")
    ask(page, REQUEST)
    page.click("#tab-template")
    page.fill("#template", TEMPLATE)
    state(page, "ready")
    shown = prompt_of(page)
    page.click("#link")
    page.wait_for_url(lambda url: "#1." in url)
    again = opening(page.evaluate("location.hash"))
    state(again, "ready")
    assert json.loads(again.input_value("#request")) == REQUEST
    assert again.input_value("#template") == TEMPLATE
    assert prompt_of(again) == shown


def test_it_asks_for_a_key_and_keeps_it_in_the_tab(opening: Opening, served: Serving) -> None:
    services = ("--compiler", served.compiler, "--inference", served.inference)
    with running("facade", "--port", "0", *services, "--api-key", "secret", until=r"listening on \S+\n") as (_, said):
        page = opening(root=f"http://{said.split()[-1]}")
        state(page, "error")
        assert "a valid API key is required" in page.inner_text("#error")
        page.fill("#key", "secret")
        page.press("#key", "Enter")
        state(page, "ready")
        assert "<|im_start|>" in prompt_of(page)
        page.click("#link")
        page.wait_for_url(lambda url: "#1." in url)
        assert page.evaluate("Object.values(sessionStorage).length") == 1
        assert page.evaluate("Object.values(localStorage).length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast_and_controls_have_names(opening: Opening, scheme: str, picture: Picture) -> None:
    page = opening(color_scheme=scheme)
    state(page, "ready")
    if scheme == "dark":
        picture(page, "dark")
    faint = page.evaluate(CONTRAST)
    assert faint == []
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input:not([type=file]), select, textarea')]"
        ".filter(one => !(one.innerText || one.getAttribute('aria-label') || one.labels?.length)).map(one => one.id)"
    )
    assert unnamed == []


CONTRAST = """
(() => {
  const style = getComputedStyle(document.documentElement);
  const light = (hex) => {
    const short = hex.length === 4 ? [...hex.slice(1)].map((digit) => digit + digit).join("") : hex.slice(1);
    const [r, g, b] = [0, 2, 4].map((at) => parseInt(short.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pairs = ["ink", "soft", "accent", "warn"].flatMap((ink) => [[ink, "paper"], [ink, "card"]]);
  pairs.push(["ink", "accent-tint"], ["accent", "accent-tint"], ["ink", "warn-tint"], ["warn", "warn-tint"]);
  pairs.push(["wrong", "wrong-tint"], ["wrong", "paper"], ["on-accent", "accent"]);
  return pairs.filter(([ink, paper]) => {
    const [a, b] = [ink, paper].map((name) => light(style.getPropertyValue(`--${name}`).trim())).sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 4.5;
  });
})()
"""
"""Pairs of the page's colours that are too near to each other (WCAG 2.2, 1.4.3)."""


def test_tabs_are_operated_by_keys(opening: Opening) -> None:
    page = opening()
    state(page, "ready")
    page.focus("#tab-prompt")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.id") == "tab-answer"
    assert page.is_visible("#panel-answer")
    page.keyboard.press("Home")
    assert page.is_visible("#panel-prompt")


def test_what_the_request_said_is_found_by_keys(opening: Opening) -> None:
    page = opening()
    state(page, "ready")
    ask(page, REQUEST)
    state(page, "ready")
    page.focus("#prompt")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#prompt .at").endswith("Be brief.")
    page.keyboard.press("ArrowLeft")  # Before the first there is none.
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#prompt .at", "data-role") == "tool book"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "request"
    assert '"name": "book"' in selected(page) or selected(page) == '"book"'
    assert page.locator("#prompt .at").count() == 0


def test_nothing_that_is_hidden_takes_the_focus(opening: Opening) -> None:
    page = opening(viewport={"width": 800, "height": 500})
    state(page, "ready")
    stops = []
    for _ in range(14):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("[document.activeElement.id, !document.activeElement.closest('[aria-hidden]')]"))
    assert all(seen for _, seen in stops)
    assert {"examples", "run", "request", "tab-prompt", "prompt", "show-tokens"} <= {name for name, _ in stops}


def test_what_is_left_of_an_earlier_request_says_so(opening: Opening) -> None:
    page = opening()
    state(page, "ready")
    assert not page.is_visible("#stale")
    ask(page, "{")
    state(page, "error")
    assert page.is_visible("#stale")
    ask(page, REQUEST)
    state(page, "ready")
    assert not page.is_visible("#stale")
    page.click("#tab-template")
    page.fill("#template", "{{ }")
    state(page, "error")
    assert page.is_visible("#stale")
    assert page.inner_text("#template-lead").startswith("A template of your own")


def test_it_fits_a_phone(opening: Opening, picture: Picture) -> None:
    page = opening(viewport={"width": 390, "height": 844})
    state(page, "ready")
    picture(page, "phone")
    for tab in ("tools", "grammar", "profile", "answer", "prompt"):
        page.click(f"#tab-{tab}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("document.querySelector('.result [aria-selected=true]').getBoundingClientRect().right") <= 390
    ask(page, REQUEST)
    page.click("#run")
    page.wait_for_selector("html[data-run=ran]")
    assert page.evaluate("document.getElementById('panel-answer').getBoundingClientRect().top") < 844 / 2


def test_of_several_models_the_request_names_one(opening: Opening, served: Serving, tmp_path: Path) -> None:
    (tmp_path / "plain.jinja").write_text(TEMPLATE)
    where = f'inference = "{served.inference}"'
    (tmp_path / "routes.toml").write_text(f'[models.first]\n{where}\n[models.plain]\n{where}\ntemplate = "plain.jinja"\n')
    options = ("--port", "0", "--compiler", served.compiler, "--routes", str(tmp_path / "routes.toml"))
    with running("facade", *options, until="listening on .*") as (_, said):
        page = opening(root=f"http://{said.split()[-1]}")
        state(page, "ready")
        # The example says which.
        assert json.loads(page.input_value("#request"))["model"] == "first"
        assert page.inner_text("#model") == "first"
        assert "<|im_start|>" in prompt_of(page)
        ask(page, {"model": "plain", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5})
        state(page, "ready")
        assert prompt_of(page) == "[user] Hello\n[assistant] "
        assert page.inner_text("#model") == "plain"
        assert page.input_value("#template") == TEMPLATE
        page.click("#run")
        page.wait_for_selector("html[data-run=ran]")
        ask(page, {"messages": []})
        state(page, "error")
        assert "model" in page.inner_text("#error")
        example(page, "A call is required")
        assert json.loads(page.input_value("#request"))["model"] == "first"
