from __future__ import annotations

import pytest

from app.services.devices import device_words

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/{}"
ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) {} Chrome/131.0 Mobile Safari/537.36"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Windows"),
        (MAC.format("605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"), "Safari on a Mac"),
        (MAC.format("537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36 Edg/131.0"), "Edge on a Mac"),
        (ANDROID.format(""), "Chrome on Android"),
        (ANDROID.format("SamsungBrowser/27.0"), "Samsung Internet on Android"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604",
            "Safari on an iPhone",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Linux"),
        ("", "A browser"),
        ("<script>alert(1)</script>", "A browser"),
    ],
)
def test_a_browser_is_named_as_its_owner_knows_it(sent: str, words: str) -> None:
    assert device_words(sent) == words
