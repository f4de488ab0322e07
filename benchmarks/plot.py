"""Small bar and line charts as PNG, with Pillow alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

RESULTS = Path(__file__).with_name("results")
COLOURS = ("#1b6ca8", "#d1495b", "#edae49", "#66a182", "#6b5b95")
WIDTH, HEIGHT, EDGE = 1000, 460, 60
Point = tuple[float, float]


def bars(name: str, title: str, groups: Mapping[str, Mapping[str, float]]) -> Path:
    """One group of bars for each key, from 0 to 1; saved as results/`name`.png."""
    image, pen = _canvas(title)
    _draw_bars(pen, groups, lambda value: value, "{:.3f}")
    return _saved(image, name)


def log_bars(name: str, title: str, groups: Mapping[str, Mapping[str, float]]) -> Path:
    """The same for values above 0 of any size: each tenfold is one step up; saved as results/`name`.png."""
    values = [value for group in groups.values() for value in group.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    marks = {(power - low) / (high - low): f"{10.0**power:g}" for power in range(low, high + 1)}
    image, pen = _canvas(title, marks)
    _draw_bars(pen, groups, lambda value: (math.log10(value) - low) / (high - low), "{:.3g}")
    return _saved(image, name)


def write_results(name: str, lines: Iterable[Mapping[str, object]]) -> None:
    """Keep figures as results/`name`.jsonl, one JSON object in each line."""
    RESULTS.mkdir(exist_ok=True)
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (RESULTS / f"{name}.jsonl").write_text(text, encoding="utf-8")


def _draw_bars(
    pen: ImageDraw.ImageDraw,
    groups: Mapping[str, Mapping[str, float]],
    share: Callable[[float], float],
    written: str,
) -> None:
    labels = list(dict.fromkeys(label for values in groups.values() for label in values))
    step = (WIDTH - 2 * EDGE) / len(groups)
    bar = step * 0.8 / len(labels)
    for number, (group, values) in enumerate(groups.items()):
        left = EDGE + number * step + step * 0.1
        for place, label in enumerate(labels):
            if (value := values.get(label)) is not None:
                box = (left + place * bar, _height(share(value)), left + (place + 1) * bar - 3, HEIGHT - EDGE)
                pen.rectangle(box, fill=COLOURS[place % len(COLOURS)])
                pen.text((box[0], box[1] - 14), written.format(value), fill="black", font=_font(11))
        pen.text((left, HEIGHT - EDGE + 8), group.replace("+", "\n+ "), fill="black", font=_font(13))
    _legend(pen, labels)


def lines(name: str, title: str, across: str, series: Mapping[str, Sequence[Point]]) -> Path:
    """Lines through points of which both coordinates lie between 0 and 1; saved as results/`name`.png."""
    image, pen = _canvas(title)
    for place, points in enumerate(series.values()):
        spots = [(EDGE + x * (WIDTH - 2 * EDGE), _height(y)) for x, y in points]
        pen.line(spots, fill=COLOURS[place % len(COLOURS)], width=3)
    pen.text((WIDTH / 2 - 80, HEIGHT - 24), across, fill="black", font=_font(13))
    for tenth in range(0, 11, 2):
        x = EDGE + tenth / 10 * (WIDTH - 2 * EDGE)
        pen.text((x - 8, HEIGHT - EDGE + 6), f"{tenth / 10:.1f}", fill="black", font=_font(12))
    _legend(pen, list(series))
    return _saved(image, name)


def _canvas(title: str, marks: Mapping[float, str] | None = None) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    pen.text((EDGE, 12), title, fill="black", font=_font(17))
    for share, words in (marks or {tenth / 10: f"{tenth / 10:.1f}" for tenth in range(0, 11, 2)}).items():
        pen.line((EDGE, _height(share), WIDTH - EDGE, _height(share)), fill="#dddddd")
        pen.text((EDGE - 40, _height(share) - 7), words, fill="black", font=_font(12))
    return image, pen


def _legend(pen: ImageDraw.ImageDraw, labels: Sequence[str]) -> None:
    for place, label in enumerate(labels):
        x = EDGE + place * 190
        pen.rectangle((x, 38, x + 12, 50), fill=COLOURS[place % len(COLOURS)])
        pen.text((x + 18, 36), label, fill="black", font=_font(13))


def _height(value: float) -> float:
    return HEIGHT - EDGE - value * (HEIGHT - 2 * EDGE)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _saved(image: Image.Image, name: str) -> Path:
    RESULTS.mkdir(exist_ok=True)
    image.save(RESULTS / f"{name}.png", optimize=True)
    return RESULTS / f"{name}.png"
