"""What a browser says of itself, in a few words by which its owner knows it again in a list of sign-ins."""

from __future__ import annotations

# The first that fits wins: Edge and Opera also name Chrome, Chrome names Safari, phones name the systems they came from.
BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox/", "Firefox"), ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "an iPhone"), ("iPad", "an iPad"), ("Android", "Android"), ("CrOS", "a Chromebook"), ("Windows", "Windows"),
    ("Mac OS X", "a Mac"), ("Linux", "Linux"),
)  # fmt: skip


def device_words(user_agent: str) -> str:
    """Such as `Firefox on Windows`; never a part of `user_agent` itself, which anybody may write anything into."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
