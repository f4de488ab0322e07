from __future__ import annotations

import asyncio
import base64
import json

import httpx
import numpy as np
import pytest
from llama_index.core.llms import ChatMessage

from tests import openai_server as test_server
from tests.llm_calls import QUESTION, make, read
from tests.openai_server import OpenAIServer

openai_server = test_server.openai_server  # the fixture


def test_the_server_quotes_the_first_source(openai_server: OpenAIServer) -> None:
    prompt = (
        "Sources:\n[P1] deal.pdf, page 2\nYou get half. The rest goes\nto the label.\n\n[G1] Guide\nOften 50%.\n\nWho?"
    )
    model = make(openai_server)
    text = asyncio.run(model.complete([ChatMessage(role="user", content=prompt)], seconds=2, max_tokens=50))
    assert text == 'Your contract says: "You get half." [P1].'


@pytest.mark.parametrize(
    ("question", "intent", "direct"),
    [
        ("What is my royalty rate?", "personal", False),
        ("Is my royalty rate fair?", "hybrid", False),
        ("What is a sync licence?", "global", False),
        ("Hello, how are you?", "global", True),
    ],
)
def test_the_server_tells_intents_apart(openai_server: OpenAIServer, question: str, intent: str, direct: bool) -> None:
    prompt = [
        ChatMessage(role="system", content="Give the intent as JSON."),
        ChatMessage(role="user", content=question),
    ]
    text = asyncio.run(make(openai_server).complete(prompt, seconds=2, max_tokens=50))
    assert json.loads(text) == {"intent": intent, "direct": direct}


def test_the_server_embeds_similar_texts_near(openai_server: OpenAIServer) -> None:
    texts = ["the royalty rate is 20 percent", "what is the royalty rate", "a tour bus through Norway"]
    url = f"{openai_server.base_url}/embeddings"
    floats = httpx.post(url, json={"model": "e", "input": texts}).json()["data"]
    packed = httpx.post(url, json={"model": "e", "input": texts, "encoding_format": "base64"}).json()["data"]
    vectors = np.array([row["embedding"] for row in floats], dtype=np.float32)
    same = np.stack([np.frombuffer(base64.b64decode(row["embedding"]), dtype=np.float32) for row in packed])
    assert vectors.shape == (3, 1536)
    np.testing.assert_allclose(vectors, same, rtol=1e-6)
    near = vectors @ vectors.T
    np.testing.assert_allclose(np.diag(near), 1, rtol=1e-5)
    assert near[0, 1] > 0.4 > 0.1 > abs(near[0, 2])


def test_a_restarted_server_is_found_again(openai_server: OpenAIServer) -> None:
    model = make(openai_server, retries=1)

    async def over_a_restart() -> str:
        await model.complete(QUESTION, seconds=2, max_tokens=16)
        await asyncio.to_thread(openai_server.stop)
        with OpenAIServer(openai_server.port):
            return await read(model)

    assert asyncio.run(over_a_restart()) == "I cannot find that in your documents."
