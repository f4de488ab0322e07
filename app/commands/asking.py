"""Search and ask."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.commands.console import open_data, print_json, say
from app.errors import AppError

Shape = TypeVar("Shape", bound=BaseModel)


def search(options: Namespace) -> int:
    from app.services.shapes import SearchRequest

    with open_data(options) as manager:
        principal = manager.principal(options.user)
        request = _checked(
            SearchRequest,
            query=options.query,
            top_k=options.top_k,
            intent=options.intent,
            documents=options.document,
            artist_id=manager.artist_id(principal, options.artist),
        )
        answer = asyncio.run(manager.services.search.search(principal, request, scores=options.scores))
    if options.json:
        print_json(answer.model_dump(mode="json", exclude_none=not options.scores))
        return 0
    say(f"intent {answer.intent}{' (direct)' if answer.direct else ''}, {answer.milliseconds:.0f} ms", sys.stdout)
    for place, hit in enumerate(answer.hits, start=1):
        ranks = ", ".join(f"{name} {rank}" for name, rank in hit.ranks.items())
        score = f", score {hit.score}" if options.scores else ""
        say(
            f"\n{place}. {hit.title}, page {hit.page} ({hit.kb}; {ranks}{score})\n   {' '.join(hit.text.split())[:400]}",
            sys.stdout,
        )
    if not answer.hits:
        say("Nothing found.", sys.stdout)
    return 0


def ask(options: Namespace) -> int:
    with open_data(options) as manager:
        if options.user is None:
            response = manager.query_engine().query(options.question)
            say(str(response), sys.stdout) if not options.json else print_json({"text": str(response)})
            return 0
        from app.services.shapes import AskRequest

        principal = manager.principal(options.user)
        assert principal is not None
        request = _checked(AskRequest, text=options.question, artist_id=manager.artist_id(principal, options.artist))
        message = asyncio.run(manager.services.chat.answer(principal, request))
    if options.json:
        print_json(message.model_dump(mode="json"))
        return 0
    say(message.text, sys.stdout)
    for citation in message.citations:
        say(
            f"\n[{citation.label}] {citation.title}, page {citation.page}: “{' '.join(citation.quote.split())}”",
            sys.stdout,
        )
    return 0


def _checked(shape: type[Shape], **values: Any) -> Shape:
    """A request from the command line; raises `AppError` with a sentence for a value that is out of bounds."""
    try:
        return shape(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0])
        if name in ("query", "text"):
            raise AppError("The question is empty or too long; type what you want to know.", status=422) from None
        raise AppError(f"--{name.replace('_', '-')} is out of bounds: {first['msg']}.", status=422) from None
