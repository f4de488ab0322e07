"""The language model on the admin page: a form that speaks to /api/admin/models by itself (models.js), with the session cookie.

The key goes straight to that route: it is no value of a component of Gradio's, whose queue would hold it.
"""

from __future__ import annotations

import gradio as gr

from app.services.services import Services
from app.ui.upload import STARTED

# value, title, what it is in a sentence; sentences that depend on this server are written by the script.
PROVIDERS = (
    ("openai", "OpenAI", "Needs a key from OpenAI. What is asked leaves this server."),
    ("ollama", "Ollama on this machine", "Nothing leaves this machine."),
    (
        "compatible",
        "Another address",
        "Any server that speaks the OpenAI protocol, such as vLLM, llama.cpp or a company's own.",
    ),
    ("none", "No language model", "Answers are the sources' own words."),
    ("settings", "As in config.yaml", ""),
)


def build_models(services: Services) -> gr.HTML:
    """Lay the panel out where it is called. Only admins get anything to see: the route itself refuses everybody else."""
    del services  # everything comes by the REST API, which knows who is asking
    return gr.HTML(PANEL, elem_id="models", js_on_load=STARTED.format(what="models"))


def _provider(value: str, title: str, about: str) -> str:
    return (
        f'<label class="choice"><input type="radio" name="provider" value="{value}" aria-labelledby="name-{value}" '
        f'aria-describedby="about-{value}"><span><b id="name-{value}">{title}</b>'
        f'<small id="about-{value}">{about}</small></span></label>'
    )


PANEL = f"""<section class="models" aria-labelledby="models-title">
<h2 id="models-title">Language model</h2>
<p class="now" role="status">Looking …</p>
<ul class="notes"></ul>
<form novalidate hidden>
<fieldset class="providers"><legend>Who writes the answers</legend>{"".join(_provider(*row) for row in PROVIDERS)}</fieldset>
<div class="field" data-for="compatible"><label for="models-address">Address</label>
<input id="models-address" name="base_url" type="url" inputmode="url" autocomplete="off" spellcheck="false" maxlength="500"
placeholder="http://127.0.0.1:8000/v1" aria-describedby="models-address-hint">
<small id="models-address-hint">It begins with http:// or https:// and often ends in /v1.</small></div>
<div class="field" data-for="openai compatible"><label for="models-key">Key</label>
<input id="models-key" name="key" type="password" autocomplete="new-password" spellcheck="false" maxlength="500"
aria-describedby="models-key-hint"><small id="models-key-hint"></small>
<label class="tick" hidden><input type="checkbox" name="forget"> Remove the key that is kept</label></div>
<div class="field" data-for="openai ollama compatible"><label for="models-name">Model</label>
<input id="models-name" name="model" autocomplete="off" spellcheck="false" maxlength="120" aria-describedby="models-name-hint">
<small id="models-name-hint"></small><div class="names" role="group" aria-label="Models that are offered"></div></div>
<div class="trying" data-for="openai ollama compatible settings"><button type="button" class="test">Test</button>
<p class="result" role="status"></p></div>
<fieldset class="limit" data-for="openai ollama compatible settings"><legend>Monthly limit</legend>
<p class="hint">Of all users together. When it is used up, answers are the sources' own words until the next month.</p>
<div class="pair"><div class="field"><label for="models-cap">At most</label>
<input id="models-cap" name="monthly_cap" inputmode="decimal" autocomplete="off" placeholder="no limit"></div>
<div class="field"><label for="models-unit">Counted in</label><select id="models-unit" name="cap_unit">
<option value="tokens">tokens</option><option value="money">money</option></select></div></div>
<details><summary>Prices, for what it costs</summary>
<p class="hint">Of a million tokens, as the provider's price list says; a token is about four letters.</p>
<div class="pair three"><div class="field"><label for="models-in">Read</label>
<input id="models-in" name="price_in" inputmode="decimal" autocomplete="off"></div>
<div class="field"><label for="models-out">Written</label>
<input id="models-out" name="price_out" inputmode="decimal" autocomplete="off"></div>
<div class="field"><label for="models-currency">Currency</label>
<input id="models-currency" name="currency" autocomplete="off" maxlength="3" placeholder="USD"></div></div></details></fieldset>
<div class="saving"><button type="submit" class="save">Save</button><p class="saved" role="status"></p></div>
</form>
<div class="month" hidden><h3>This month</h3><p class="used"></p>
<div class="bar" role="progressbar" aria-label="Of the monthly limit" aria-valuemin="0" aria-valuemax="100"><span></span></div>
<p><a href="/api/admin/usage.csv" download>Download the month by day and model (CSV)</a></p></div>
</section>"""
