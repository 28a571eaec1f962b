"""Hypothesis strategies for output trees: any that the constructors allow, sensible or not."""

from hypothesis import strategies as st

from promptweave.output.tree import (
    Branch,
    ChoiceNode,
    EmitNode,
    JsonNode,
    LiteralNode,
    NamedBranch,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    TextNode,
    Transform,
    Wrapper,
)

# Those of one text do not hold each other, but for the last ones, which end alike and lead to the same branch.
MARKERS: list[list[tuple[str, ...]]] = [
    [("<a>",), ("[b]", "</b>")],
    [("é",)],
    [("aab",), ("[",)],
    [("\n<a>", "<a>"), ("\n\n",)],
]
TEXTS = st.text(alphabet='ab<>/[]{}"\\,:1 \né😀', max_size=12)


PLAIN = [Region.CONTENT, Region.REASONING, Region.DISCARD]
"""The parts that stand by themselves; the others make sense only inside a call."""


def _texts(nodes: st.SearchStrategy[Node], regions: list[Region]) -> st.SearchStrategy[Node]:
    @st.composite
    def texts(draw: st.DrawFn) -> Node:
        markers = draw(st.sampled_from(MARKERS))[: draw(st.integers(0, 2))]
        branches = tuple(Branch(group, draw(nodes)) for group in markers)
        may_end = not branches or draw(st.booleans())
        named = draw(st.none() | _named(nodes)) if ("\n\n",) not in markers else None
        return TextNode(draw(st.none() | st.sampled_from(regions)), branches, may_end, named=named)

    return texts()


def _named(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[NamedBranch]:
    wrappers = (Wrapper(""), Wrapper("/ "), Wrapper("//\n ", "//"))
    return st.builds(
        lambda cases, ending, resumes, anywhere: NamedBranch(
            wrappers, ('{ "', "a:"), ('":',), cases, ending, (",", "}"), resumes, anywhere
        ),
        st.lists(nodes, min_size=1, max_size=2).map(lambda found: tuple(zip(("a", "ab"), found, strict=False))),
        nodes,
        st.booleans(),
        st.booleans(),
    )


def _parts(nodes: st.SearchStrategy[Node], regions: list[Region]) -> st.SearchStrategy[Node]:
    decoded = st.builds(
        lambda kind, stoppable: RegionNode(kind, JsonNode('"'), Transform.JSON_STRING_DECODE, stoppable),
        st.sampled_from(regions),
        st.booleans(),
    )
    transforms = st.sampled_from([Transform.NONE, Transform.JSON_STRING_ENCODE])
    return decoded | st.builds(RegionNode, st.sampled_from(regions), nodes, transforms, st.booleans())


def _repeats(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.builds(
        lambda item, separator, low, more: RepeatNode(item, separator, low, None if more is None else low + more),
        nodes,
        TEXTS,
        st.integers(0, 3),
        st.none() | st.integers(0, 3),
    )


def _call(name: str) -> Node:
    parts = (
        RegionNode(Region.TOOL_NAME, LiteralNode(name)),
        LiteralNode(":"),
        RegionNode(Region.TOOL_ARGUMENTS, JsonNode("{")),
    )
    return RegionNode(Region.TOOL_CALL, SequenceNode(parts))


def trees(regions: list[Region]) -> st.SearchStrategy[Node]:
    """Trees with parts and texts of these kinds, and with calls."""
    leaves = st.one_of(
        st.builds(LiteralNode, TEXTS),
        st.builds(EmitNode, TEXTS, st.booleans()),
        st.builds(JsonNode, st.sampled_from(["", "{", '"[', "-0"])),
        st.builds(_call, TEXTS),
    )
    return st.recursive(
        leaves,
        lambda nodes: st.one_of(
            st.builds(lambda items: SequenceNode(tuple(items)), st.lists(nodes, max_size=4)),
            st.builds(lambda items: ChoiceNode(tuple(items)), st.lists(nodes, max_size=4)),
            _repeats(nodes),
            _texts(nodes, regions),
            _parts(nodes, regions),
        ),
        max_leaves=8,
    )
