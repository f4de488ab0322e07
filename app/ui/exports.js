// Saving a plan, answer, conversation or clause sheet as a file, and links that show it to others. One dialog for all kinds.
(() => {
  const { api, make, options, count, confirmed } = window.aim;

  const FORMATS = { docx: "Word", pdf: "PDF", md: "Markdown", csv: "Spreadsheet (CSV)", ics: "Calendar (ICS)" };
  const ALL = Object.keys(FORMATS);
  // path: of the file; shown: what a link shows; without it there are no links of this kind.
  const KINDS = {
    plan: { word: "plan", path: "/plans/{}/export", formats: ALL, shown: "They see the plan as it is whenever they open it, without your comments." },
    answer: { word: "answer", path: "/messages/{}/export", formats: ALL, shown: "They see the question, this answer, and its sources with their quotes." },
    conversation: { word: "conversation", path: "/conversations/{}/export", formats: ALL, shown: "They see it as far as it goes now; what you ask later stays with you." },
    clauses: { word: "clause sheet", path: "/clause-sheets", formats: ["docx", "pdf", "md", "csv"], shown: "They see the clauses of these documents and nothing else of them." },
    draft: { word: "text", path: "/drafts/{}/export", formats: ["docx", "pdf", "md"] },
  };
  const WORDS = { plan: "Plan", answer: "Answer", conversation: "Conversation", clauses: "Clause sheet" };
  const DAYS = [["1", "1 day"], ["7", "1 week"], ["14", "2 weeks"], ["30", "1 month"], ["90", "3 months"], ["365", "1 year"]];
  const MOST_CONTRACTS = 20;
  const COPIED_MS = 2000;
  const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
  const day = (iso) => DAY.format(new Date(iso));

  const named = (answer, kind, format) => {
    const told = answer.headers.get("content-disposition") ?? "";
    const found = /filename\*=UTF-8''([^;]+)/.exec(told);
    return found ? decodeURIComponent(found[1]) : `${kind}.${format}`;
  };

  // Fetches the file, so that a refusal is a sentence here and not a broken download. Throws that sentence as an Error.
  const save = async (thing, format) => {
    const kind = KINDS[thing.kind];
    const post = thing.documents && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ documents: thing.documents, format }) };
    const path = kind.path.replace("{}", encodeURIComponent(thing.id ?? ""));
    const answer = await fetch(`/api${path}${post ? "" : `?format=${format}`}`, post || {}).catch(() => null);
    if (!answer?.ok) throw new Error((await answer?.json().catch(() => null))?.detail ?? "The server does not answer; check the connection and try again.");
    const address = URL.createObjectURL(await answer.blob());
    const link = make("a", { href: address, download: named(answer, thing.kind, format) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    return link.download;
  };

  const copy = async (input) => {
    input.select();
    if (navigator.clipboard) await navigator.clipboard.writeText(input.value);
    else document.execCommand("copy"); // by plain HTTP there is no clipboard for scripts
  };

  const used = (link) => (link.opened ? `opened ${count(link.opened, "time").replace(/^1 time$/, "once")}` : "not opened yet");

  // A row of a list of links; `gone(row)` when it was revoked.
  const linkRow = (link, { titled = false, say, gone }) => {
    const about = titled ? `${WORDS[link.kind] ?? "Text"} · ` : "";
    const revoke = make("button", { type: "button", class: "plain", "aria-label": titled ? `Revoke the link to ${link.title}` : "Revoke this link" }, "Revoke");
    const row = make(
      "li",
      { class: "person link" },
      make("div", { class: "what" }, titled ? make("span", { class: "title" }, link.title) : null, make("span", { class: "facts" }, `${about}until ${day(link.expires)} · ${used(link)}`)),
      make("div", { class: "actions" }, revoke),
    );
    revoke.addEventListener("click", async () => {
      if (titled && !(await confirmed(`Revoke the link to “${link.title}”? Whoever has it sees nothing any more.`, "Revoke"))) return revoke.focus();
      try {
        await api(`/shares/${encodeURIComponent(link.id)}`, { method: "DELETE" });
        row.remove();
        say("The link is revoked.");
        gone(link);
      } catch (error) {
        say(error.message);
      }
    });
    return row;
  };

  const allLinks = async () => {
    const found = [];
    for (let after = ""; after !== null; ) {
      const page = await api(`/shares?limit=200${after && `&after=${after}`}`);
      found.push(...page.items);
      after = page.next;
    }
    return found;
  };

  const filesPart = (thing, kind) => {
    const said = make("p", { class: "told", role: "status" });
    const buttons = kind.formats.map((format) =>
      make("button", { type: "button", "data-format": format, click: async (event) => {
        const button = event.currentTarget;
        button.disabled = true;
        said.textContent = "Making the file…";
        try {
          said.textContent = `Saved as ${await save(thing, format)}`;
        } catch (error) {
          said.textContent = error.message;
        }
        button.disabled = false;
        button.focus();
      } }, FORMATS[format]),
    );
    return make("section", { "aria-labelledby": "export-files" }, make("h3", { id: "export-files" }, "Save as a file"), make("div", { class: "formats" }, ...buttons), said);
  };

  const linksPart = (thing, kind) => {
    const days = options(make("select", { "aria-label": "The link works for" }), DAYS, "14");
    const said = make("p", { class: "told", role: "status" });
    const list = make("ul", { class: "links", "aria-label": `Links to this ${kind.word}` });
    const made = make("div", { class: "made" });
    const say = (words) => (said.textContent = words);
    const add = (link, place = "append") => list[place](linkRow(link, { say, gone: (one) => made.dataset.link === one.id && made.replaceChildren() }));
    const share = async () => {
      button.disabled = true;
      say("");
      try {
        const about = thing.documents ? { documents: thing.documents } : { id: thing.id };
        const link = await api("/shares", { method: "POST", json: { kind: thing.kind, ...about, days: Number(days.value) } });
        const address = make("input", { type: "text", readonly: true, value: link.url, "aria-label": "Address of the link", click: () => address.select() });
        const copying = make("button", { type: "button", click: async () => {
          await copy(address).catch(() => {});
          copying.textContent = "Copied";
          setTimeout(() => (copying.textContent = "Copy"), COPIED_MS);
        } }, "Copy");
        made.dataset.link = link.id;
        made.replaceChildren(make("div", { class: "address" }, address, copying), make("p", { class: "facts" }, "Copy it now: it is not shown again. Whoever has it can read, without signing in."));
        if (link.note) made.append(make("p", { class: "reach", role: "alert" }, link.note));
        add(link, "prepend");
        address.focus();
        address.select();
      } catch (error) {
        say(error.message);
      }
      button.disabled = false;
    };
    const button = make("button", { type: "button", class: "primary", click: share }, "Make a link");
    if (thing.id) allLinks().then((found) => found.filter((one) => one.kind === thing.kind && one.object_id === String(thing.id)).forEach((one) => add(one)), () => {});
    return make(
      "section",
      { "aria-labelledby": "export-links" },
      make("h3", { id: "export-links" }, "Share a link to read"),
      make("p", { class: "facts" }, kind.shown),
      make("div", { class: "making" }, make("label", {}, "Works for", days), button),
      made,
      said,
      list,
    );
  };

  // `thing`: {kind, id} or {kind: "clauses", documents: [ids]}, and a title to show.
  const exporting = (thing) =>
    new Promise((resolve) => {
      const kind = KINDS[thing.kind];
      const heading = thing.kind === "clauses" ? "Clause sheet for a lawyer" : `Export or share this ${kind.word}`;
      const legal = "Each usual point of a music deal with its quote and page, or “not found”, and open questions. Nothing else of yours. Not legal advice.";
      const full = thing.documents && thing.documents.length > MOST_CONTRACTS;
      const dialog = make(
        "dialog",
        { class: "sure exporting", "aria-labelledby": "export-title" },
        make("h2", { id: "export-title" }, heading),
        thing.title ? make("p", { class: "facts" }, thing.title) : null,
        thing.kind === "clauses" ? make("p", { class: "legal" }, full ? `A clause sheet holds at most ${MOST_CONTRACTS} documents; select fewer.` : legal) : null,
        full ? null : filesPart(thing, kind),
        full || !kind.shown ? null : linksPart(thing, kind),
        make("form", { method: "dialog", class: "answers" }, make("button", { value: "no" }, "Close")),
      );
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve();
      });
      document.querySelector(".gradio-container").append(dialog);
      dialog.showModal();
      dialog.querySelector(".formats button, .answers button").focus();
    });

  // Any page may hold <div class="exports" data-kind="plan" data-id="...">.
  const fill = () => {
    for (const place of document.querySelectorAll(".exports[data-kind]:not([data-filled])")) {
      const { kind, id } = place.dataset;
      if (!KINDS[kind]) continue;
      place.dataset.filled = "";
      place.append(make("button", { type: "button", class: "plain", "aria-haspopup": "dialog", click: () => exporting({ kind, id: place.dataset.id }) }, KINDS[kind].shown ? "Export or share" : "Export"));
    }
  };
  let filling = false;
  new MutationObserver(() => {
    if (filling) return;
    filling = true;
    requestAnimationFrame(() => {
      filling = false;
      fill();
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  // On the account page: every link that works.
  const sharedLinks = async (element) => {
    const list = element.querySelector("#shared-links");
    const said = element.querySelector("#shared-said");
    const say = (words) => (said.textContent = words);
    const none = () => list.childElementCount || say(said.textContent || "You share nothing. Links are made where a plan, an answer or a conversation is exported.");
    try {
      for (const link of await allLinks()) list.append(linkRow(link, { titled: true, say, gone: () => (none(), list.querySelector("button")?.focus()) }));
      none();
    } catch (error) {
      say(error.message);
    }
  };

  Object.assign(window.aim, { exporting, sharedLinks });
})();
