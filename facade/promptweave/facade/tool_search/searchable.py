"""A request with the search for tools, if it is offered."""

import re
from collections.abc import Sequence

from promptweave.facade.tool_search.history import with_searches
from promptweave.facade.tool_search.offer import NAMES, TOOL_NAME, deferred_tools, offers_search, search_tool
from promptweave.v1 import prompt_compiler_pb2

_MESSAGE = re.compile(r"/messages/(\d+)")


class SearchableRequest:
    """A compile request, and where its parts are in the one that it was made from."""

    def __init__(self, given: prompt_compiler_pb2.CompileRequest, n: int = 1) -> None:
        """Make the request. `n`: the number of answers; several cannot search, so that all tools are loaded for them."""
        self.request = given
        self.warnings: Sequence[prompt_compiler_pb2.Warning] = ()
        """Paths are positions in the client's request."""
        self.is_searchable = False
        """Whether the search is offered."""
        self._origins: Sequence[int] = ()
        self._tools = len(given.tools)
        if not offers_search(given):
            return
        self.request = prompt_compiler_pb2.CompileRequest()
        self.request.CopyFrom(given)
        if n > 1:
            self._load_all()
        else:
            self._offer()

    def original(self, path: str) -> str:
        """Return the position in the original request of a position in the request, or in one of a later round."""
        if path == f"/tools/{self._tools}" or path.startswith(f"/tools/{self._tools}/"):
            return "/tools"
        found = _MESSAGE.match(path)
        if not self.is_searchable or found is None:
            return path
        place = int(found[1])
        return f"/messages/{self._origins[place]}{path[found.end() :]}" if place < len(self._origins) else "/messages"

    def _load_all(self) -> None:
        for tool in deferred_tools(self.request):
            tool.defer_loading = False
        why = "deferred tools are all in the prompt: several answers to one request cannot search for tools"
        self.warnings = [prompt_compiler_pb2.Warning(code="tools_loaded", path="/n", message=why)]

    def _offer(self) -> None:
        request, history = self.request, with_searches(self.request)
        self.is_searchable, self._origins = True, history.origins
        del request.messages[:]
        request.messages.extend(history.messages)
        request.tools.append(search_tool(request))
        if request.tool_choice.named.name in NAMES:
            request.tool_choice.named.name = TOOL_NAME
