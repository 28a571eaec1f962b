"""Detection of text in the caller's own grammar that could be mistaken for another part of the answer."""

from collections.abc import Sequence

from promptweave.compiler.markup import margins
from promptweave.compiler.profile.reasoning_syntax import ReasoningSyntax
from promptweave.compiler.request import ChatRequest, TextGrammar
from promptweave.compiler.styles.answer import AnswerSyntax
from promptweave.compiler.styles.calls import CallableTool, CallSyntax, calls
from promptweave.compiler.text_grammar.embed import read_text_grammar
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.grammar.prefixes import is_viable_prefix
from promptweave.output.tree import Node, begins_with_grammar, starts


def text_taken_for_calls(
    request: ChatRequest, syntax: CallSyntax, answer: AnswerSyntax, tools: Sequence[CallableTool]
) -> list[CompileWarning]:
    """Return a warning if an answer may begin like a call in this syntax; in the generic envelope it is a JSON string."""
    wanted = request.response_format
    if not isinstance(wanted, TextGrammar) or not tools or request.tool_choice.required or answer.header:
        return []
    begins, _ = starts(calls(syntax, tools, parallel=False))
    grammar = read_text_grammar(wanted)
    for begin in sorted(begins):
        if is_viable_prefix(grammar, begin):
            why = f"the grammar allows texts that begin like a tool call ({begin!r}); using the generic style"
            return [CompileWarning("style_fallback", wanted.pointer, why)]
    return []


def text_taken_for_thoughts(request: ChatRequest, answer: Node, reasoning: ReasoningSyntax | None) -> CompileWarning | None:
    """Return a warning if an answer may begin like reasoning; the model then answers without reasoning."""
    wanted = request.response_format
    if not isinstance(wanted, TextGrammar) or reasoning is None or reasoning.without or not begins_with_grammar(answer):
        return None
    before, opening, _ = margins(reasoning.opening)
    grammar = read_text_grammar(wanted)
    if not (is_viable_prefix(grammar, opening) or is_viable_prefix(grammar, before + opening)):
        return None
    why = f"the grammar allows texts that begin like reasoning ({opening!r}); reasoning is disabled"
    return CompileWarning("reasoning_left_out", wanted.pointer, why)
