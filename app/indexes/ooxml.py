"""Looking things up in Office XML by local name, so that Transitional and Strict (ISO/IEC 29500) read alike."""

from __future__ import annotations

from xml.etree.ElementTree import Element


def local(node: Element) -> str:
    return node.tag.rpartition("}")[2]


def child(node: Element | None, name: str) -> Element | None:
    return next((inner for inner in node if local(inner) == name), None) if node is not None else None


def attribute(node: Element | None, name: str) -> str:
    if node is None:
        return ""
    return next((value for key, value in node.attrib.items() if key.rpartition("}")[2] == name), "")
