"""The path every chat takes: a RouterQueryEngine over one query engine per intent, built per request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from functools import cache
from typing import Any, Protocol

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import RESPONSE_TYPE, AsyncStreamingResponse, Response
from llama_index.core.llms import MockLLM
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.query_engine import RouterQueryEngine
from llama_index.core.response_synthesizers import TreeSummarize
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import QueryEngineTool

from app.models import Intent
from app.retrievers.intent import IntentSelector
from app.retrievers.knowledge import Retrieval, as_node
from app.retrievers.trace import Trace

# Writes the answer to a question from what was retrieved; the trace says whether it is direct.
Answer = Callable[[str, Retrieval], AsyncGenerator[str, None]]


class Finder(Protocol):
    """A `KnowledgeFusionRetriever`, or what stands on several of them."""

    async def asearch(self, question: str) -> Retrieval: ...


MakeRetriever = Callable[[Intent], Finder]

DESCRIPTIONS: dict[Intent, str] = {
    "personal": "Facts from the user's own documents and profile.",
    "global": "How the music industry works; nothing of the user's own.",
    "hybrid": "Advice on the user's situation from their documents and industry knowledge.",
}


class KnowledgeQueryEngine(BaseQueryEngine):
    """Retrieves for one intent and has the answer written. A direct question is answered without retrieval."""

    def __init__(self, intent: Intent, make_retriever: MakeRetriever, selector: IntentSelector, answer: Answer) -> None:
        super().__init__(callback_manager=None)
        self._intent, self._make_retriever, self._selector, self._answer = intent, make_retriever, selector, answer

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        question = query_bundle.query_str
        found = await self._selector.aclassify(question)
        if found.direct:
            retrieval = Retrieval([], Trace(question=question, intent=self._intent, direct=True))
        else:
            retrieval = await self._make_retriever(self._intent).asearch(found.standalone or question)
            retrieval.trace.question, retrieval.trace.standalone = question, found.standalone
        retrieval.trace.reason = f"{found.by}: {found.reason}"
        return AsyncStreamingResponse(
            response_gen=self._answer(question, retrieval),
            source_nodes=[as_node(passage) for passage in retrieval.passages],
            metadata={"retrieval": retrieval},
        )

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        """The whole answer at once, for notebooks; works inside a running event loop too."""
        response: Response = _apart(lambda: self._whole(query_bundle))
        return response

    async def _whole(self, query_bundle: QueryBundle) -> Response:
        streaming = await self._aquery(query_bundle)
        assert isinstance(streaming, AsyncStreamingResponse)
        text = "".join([part async for part in streaming.response_gen])
        return Response(text, source_nodes=streaming.source_nodes, metadata=streaming.metadata)

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}


def build_router(make_retriever: MakeRetriever, selector: IntentSelector, answer: Answer) -> RouterQueryEngine:
    """One engine per intent behind `selector`. Cheap (0.05 ms): built for each request with its tenant."""
    tools = [
        QueryEngineTool.from_defaults(
            KnowledgeQueryEngine(intent, make_retriever, selector, answer), name=intent, description=description
        )
        for intent, description in DESCRIPTIONS.items()
    ]
    return RouterQueryEngine(selector=selector, query_engine_tools=tools, llm=MockLLM(), summarizer=_summarizer())


@cache
def _summarizer() -> TreeSummarize:
    """LlamaIndex joins the answers of several engines with it; one is ever chosen here. Made once: 1 ms of each answer."""
    return TreeSummarize(llm=MockLLM())


def _apart(work: Callable[[], Any]) -> Any:
    """Run a coroutine to its end on a thread of its own, where no event loop can be in the way."""
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work()))
        except BaseException as error:  # raised again on the caller's thread
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
