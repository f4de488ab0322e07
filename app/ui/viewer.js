// The viewer: a page of a document over the present page, drawn or as text, with the cited words marked.
// Opened by `aim.view({document, page, chunks, start, end, title, replaced})`; only `document` is needed.
(() => {
  const PATIENCE = 4; // times a busy server is asked again
  const SPINNER_MS = 150; // a page that comes sooner needs none
  const MARGIN = 60; // dots above the marked words when they are scrolled to
  const GONE = "This document is not here any more: it was deleted, or is not yours to see.";
  const CHANGED = "The document has changed since: this passage is not in it any more. This is what it holds now.";
  const NEWER = "The document was replaced by a newer version, in which the passage is not. This is the new version.";
  const UNMARKED = "The passage could not be marked on this picture, as on a scan or photograph. “Show text” has its words.";
  const SILENT = "The server did not answer; try again.";

  const MARKUP = `<header><h2 id="viewer-title"></h2><button type="button" data-do="close">Close</button></header>
    <div class="tools" role="group" aria-label="Page">
      <span class="turn"><button type="button" data-do="previous" aria-label="Previous page">Previous</button>
      <span class="place" aria-live="polite"></span>
      <button type="button" data-do="next" aria-label="Next page">Next</button></span>
      <span class="ways"><button type="button" data-do="zoom" aria-pressed="false" aria-label="Zoom to 100 %">100 %</button>
      <button type="button" data-do="text" aria-pressed="false">Show text</button>
      <a download>Download</a></span>
    </div>
    <p class="note" role="status" hidden></p>
    <div class="sheet" tabindex="0" role="region" aria-label="The page"></div>`;

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  };

  const address = (asked, page, kind, marking) => {
    const query = new URLSearchParams();
    if (marking) {
      for (const chunk of asked.chunks ?? []) query.append("chunk", chunk);
      if (asked.start != null && asked.end != null) {
        query.set("start", asked.start);
        query.set("end", asked.end);
      }
    }
    const words = query.toString();
    return `/api/documents/${encodeURIComponent(asked.document)}/pages/${page}${kind}${words && "?" + words}`;
  };

  const sleep = (seconds) => new Promise((wake) => setTimeout(wake, seconds * 1000));

  // The answer, or an Error with the server's sentence. A busy server is asked again as long as `wanted` says so.
  const get = async (url, wanted) => {
    for (let tried = 0; ; tried++) {
      const answer = await fetch(url).catch(() => null);
      if (answer?.ok) return answer;
      if (answer && [429, 503].includes(answer.status) && tried < PATIENCE && wanted()) {
        await sleep(Number(answer.headers.get("Retry-After")) || 2);
        continue;
      }
      const told = await answer?.json().catch(() => null);
      throw Object.assign(new Error(told?.detail ?? SILENT), { code: told?.error ?? "silent", status: answer?.status });
    }
  };

  // Marks may lie over one another: the text is cut wherever one begins or ends.
  const markedText = (text, marks) => {
    const characters = [...text]; // offsets count characters, not halves of them
    const cuts = [...new Set([0, characters.length, ...marks.flatMap((mark) => [mark.start, mark.end])])]
      .filter((at) => at >= 0 && at <= characters.length)
      .sort((one, other) => one - other);
    const whole = element("div", "text");
    cuts.slice(0, -1).forEach((from, index) => {
      const words = characters.slice(from, cuts[index + 1]).join("");
      const over = marks.filter((mark) => mark.start <= from && from < mark.end);
      if (!over.length) return whole.append(words);
      whole.append(element("mark", over.some((mark) => mark.quote) ? "quote" : "around", words));
    });
    return whole;
  };

  const view = (asked) => {
    const opener = document.activeElement;
    const dialog = element("dialog", "viewer");
    dialog.setAttribute("aria-labelledby", "viewer-title");
    dialog.innerHTML = MARKUP;
    const part = (selector) => dialog.querySelector(selector);
    const button = (name) => part(`[data-do="${name}"]`);
    const sheet = part(".sheet");
    part("h2").textContent = asked.title ?? "Document";
    part("a").href = `/api/documents/${encodeURIComponent(asked.document)}/file`;
    const state = { page: asked.page ?? 1, pages: 0, asText: false, wide: false, at: 0, turn: 0, url: "", marking: !asked.replaced };
    const first = state.page;

    const place = () => {
      part(".place").textContent = state.pages ? `Page ${state.page} of ${state.pages}` : `Page ${state.page}`;
      button("previous").disabled = state.page <= 1;
      button("next").disabled = state.page >= state.pages;
      sheet.setAttribute("aria-label", part(".place").textContent);
    };
    const note = (words) => {
      part(".note").textContent = words;
      part(".note").hidden = !words;
    };
    const drop = () => {
      if (state.url) URL.revokeObjectURL(state.url);
      state.url = "";
    };
    const put = (...nodes) => sheet.replaceChildren(...nodes);

    const failed = (error) => {
      note("");
      part(".tools").hidden = error.code === "not_found";
      const sorry = element("div", "sorry");
      sorry.append(element("p", "", error.code === "not_found" ? GONE : error.message));
      sorry.firstChild.setAttribute("role", "alert");
      if (error.code === "silent" || [429, 503].includes(error.status)) {
        const again = element("button", "", "Try again");
        again.type = "button";
        again.addEventListener("click", show);
        sorry.append(again);
      }
      put(sorry);
    };

    const toPassage = () => sheet.scrollTo(0, Math.max(0, state.at * (sheet.querySelector("img")?.clientHeight ?? 0) - MARGIN));

    const picture = async (read, wanted) => {
      const answer = await get(address(asked, state.page, ".png", state.marking), wanted);
      const image = element("img");
      image.alt = `Page ${state.page} of ${read.title}; “Show text” has its words`;
      const data = await answer.blob();
      if (!wanted()) return;
      drop();
      image.src = state.url = URL.createObjectURL(data);
      await image.decode();
      if (!wanted()) return;
      state.pages ||= Number(answer.headers.get("X-Pages"));
      put(image);
      place();
      state.at = Number(answer.headers.get("X-Passage-At") ?? 0);
      toPassage();
      if (read.marks.length && answer.headers.get("X-Passages-Marked") === "0") note(UNMARKED);
    };

    const words = (read) => {
      put(read.text.trim() ? markedText(read.text, read.marks) : element("p", "sorry", read.note ?? "This page is empty."));
      sheet.scrollTo(0, 0);
      const mark = sheet.querySelector("mark.quote, mark");
      if (mark) sheet.scrollTop = mark.offsetTop - sheet.offsetTop - MARGIN;
    };

    const load = async (wanted) => {
      const answer = await get(address(asked, state.page, "", state.marking), wanted).catch((error) => {
        if (error.code !== "no_passage" || !state.marking) throw error;
        state.marking = false;
        return get(address(asked, state.page, "", false), wanted);
      });
      const read = await answer.json();
      if (!wanted()) return;
      part("h2").textContent = read.title;
      state.pages = read.pages;
      place();
      button("text").hidden = !read.picture;
      button("zoom").hidden = !read.picture || state.asText;
      note(asked.replaced ? NEWER : asked.chunks?.length && !state.marking ? CHANGED : "");
      if (read.picture && !state.asText) await picture(read, wanted);
      else words(read);
    };

    const show = async () => {
      const turn = ++state.turn;
      const wanted = () => turn === state.turn && dialog.isConnected;
      place();
      const waiting = setTimeout(() => wanted() && put(element("div", "waiting", "Getting the page …")), SPINNER_MS);
      sheet.setAttribute("aria-busy", "true");
      try {
        await load(wanted);
      } catch (error) {
        if (wanted()) failed(error);
      } finally {
        clearTimeout(waiting);
        if (wanted()) sheet.removeAttribute("aria-busy");
      }
    };

    const turnTo = (page) => {
      if (page < 1 || page > (state.pages || 1) || page === state.page) return;
      state.page = page;
      show();
    };
    const zoom = () => {
      state.wide = !state.wide;
      sheet.classList.toggle("wide", state.wide);
      button("zoom").textContent = state.wide ? "Fit" : "100 %";
      button("zoom").setAttribute("aria-label", state.wide ? "Fit the page to the window" : "Zoom to 100 %");
      button("zoom").setAttribute("aria-pressed", String(state.wide));
      toPassage();
    };
    const asText = () => {
      state.asText = !state.asText;
      button("text").textContent = state.asText ? "Show picture" : "Show text";
      button("text").setAttribute("aria-pressed", String(state.asText));
      show();
    };
    const acts = {
      close: () => dialog.close(),
      previous: () => turnTo(state.page - 1),
      next: () => turnTo(state.page + 1),
      zoom,
      text: asText,
    };

    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) return dialog.close(); // beside it
      acts[event.target.closest("[data-do]")?.dataset.do]?.();
    });
    dialog.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || state.wide) return;
      if (event.key === "ArrowLeft") acts.previous();
      else if (event.key === "ArrowRight") acts.next();
      else return;
      event.preventDefault();
    });
    dialog.addEventListener("close", () => {
      state.turn++;
      drop();
      dialog.remove();
      if (opener?.isConnected) opener.focus();
    });
    document.querySelector(".gradio-container .contain").append(dialog); // Gradio has rules for small screens hold in here alone
    dialog.showModal();
    sheet.focus();
    state.page = first;
    show();
    return dialog;
  };

  // "P1/document/page/chunk/start/end", as sources.py writes it; the last two may be missing.
  const viewSource = (button) => {
    const [, id, page, chunk, start, end] = button.value.split("/");
    const title = button.closest(".source-row").querySelector(".title").textContent;
    const replaced = chunk === "replaced";
    view({ document: id, page: Number(page), chunks: replaced ? [] : [chunk], start, end, title, replaced });
  };

  // The sources of the answer that a label stands in are the first ones after it.
  const sourceOf = (label) => {
    const below = [...document.querySelectorAll("#chat .below")].find(
      (one) => label.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    return [...(below?.querySelectorAll(".source-row") ?? [])].find(
      (row) => row.querySelector(".cite").textContent === `[${label.value}]`,
    );
  };

  addEventListener("click", (event) => {
    const clicked = event.target.closest?.("button.open-page, button.cite");
    if (!clicked?.closest("#chat")) return;
    event.preventDefault();
    if (clicked.classList.contains("open-page")) return viewSource(clicked);
    const row = sourceOf(clicked);
    const opener = row?.querySelector("button.open-page");
    if (!row) return; // the answer is still being written
    if (opener) {
      viewSource(opener);
    } else {
      row.querySelector("details").open = true;
      row.querySelector("summary").focus();
    }
  });

  window.aim = { ...window.aim, view };
})();
