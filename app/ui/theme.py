"""Black and red, calm: red is for the primary action and the active item alone. One look, whatever the system prefers."""

from __future__ import annotations

from typing import Any

import gradio as gr

PAGE, CARD, RAISED, LINE, FIELD = "#0a0a0c", "#121216", "#1b1b21", "#2c2d33", "#0d0d10"
TEXT, MUTED = "#f2f2f4", "#a6a8b3"  # on a card 16:1 and 7:1
RED, RED_OVER = "#d31f2c", "#bb1824"  # white on it 5.3:1
FONT = (
    "Inter",
    "ui-sans-serif",
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Helvetica Neue",
    "Arial",
    "sans-serif",
)

VALUES = {
    "body_background_fill": PAGE,
    "body_text_color": TEXT,
    "body_text_color_subdued": MUTED,
    "background_fill_primary": CARD,
    "background_fill_secondary": PAGE,
    "border_color_primary": LINE,
    "border_color_accent": LINE,
    "border_color_accent_subdued": LINE,
    "color_accent_soft": RAISED,
    "link_text_color": TEXT,
    "link_text_color_hover": TEXT,
    "link_text_color_visited": TEXT,
    "link_text_color_active": TEXT,
    "block_background_fill": CARD,
    "block_border_color": LINE,
    "block_border_width": "1px",
    "block_label_background_fill": CARD,
    "block_label_text_color": MUTED,
    "block_title_text_color": MUTED,
    "block_info_text_color": MUTED,
    "block_shadow": "none",
    "panel_background_fill": CARD,
    "panel_border_color": LINE,
    "accordion_text_color": TEXT,
    "code_background_fill": FIELD,
    "input_background_fill": FIELD,
    "input_background_fill_focus": FIELD,
    "input_background_fill_hover": FIELD,
    "input_border_color": LINE,
    "input_border_color_focus": MUTED,
    "input_border_color_hover": LINE,
    "input_placeholder_color": MUTED,
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_hover": RAISED,
    "checkbox_label_background_fill_selected": RAISED,
    "checkbox_label_border_color": "transparent",
    "checkbox_label_border_color_hover": "transparent",
    "checkbox_label_border_color_selected": LINE,
    "checkbox_label_text_color": TEXT,
    "checkbox_label_text_color_selected": TEXT,
    "checkbox_label_shadow": "none",
    "error_background_fill": "#241013",
    "error_border_color": "#6b2228",
    "error_text_color": "#ff9aa0",
    "error_icon_color": "#ff9aa0",
    "loader_color": RED,
    "table_border_color": LINE,
    "table_even_background_fill": CARD,
    "table_odd_background_fill": CARD,
    "button_primary_background_fill": RED,
    "button_primary_background_fill_hover": RED_OVER,
    "button_primary_border_color": RED,
    "button_primary_text_color": "#ffffff",
    "button_primary_text_color_hover": "#ffffff",
    "button_primary_shadow": "none",
    "button_secondary_background_fill": RAISED,
    "button_secondary_background_fill_hover": LINE,
    "button_secondary_border_color": LINE,
    "button_secondary_text_color": TEXT,
    "button_secondary_text_color_hover": TEXT,
    "button_secondary_shadow": "none",
    "button_cancel_background_fill": RAISED,
    "button_cancel_background_fill_hover": LINE,
    "button_cancel_border_color": LINE,
    "button_cancel_text_color": TEXT,
    "button_cancel_text_color_hover": TEXT,
}


def build_theme() -> gr.themes.Base:
    """The theme, the same in Gradio's light and dark mode, with fonts of the system only: nothing is fetched."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.red,
        secondary_hue=gr.themes.colors.zinc,
        neutral_hue=gr.themes.colors.zinc,
        radius_size=gr.themes.sizes.radius_lg,
        font=FONT,
        font_mono=("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"),
    )
    values: dict[str, Any] = {}
    for name, value in VALUES.items():
        values[name] = value
        values[f"{name}_dark"] = value
    return theme.set(**values)
