// The writing page: choosing a kind of text, its form, the list of drafts. The address tells what is open: #new=bio_short, #draft=ID.
(() => {
  const { api, make, button, wrong, say, count, day } = window.aim.people;
  const HERE = "/app/writing"; // Gradio's pages have a base address, from which a bare #place would lead away
  const DOCUMENTS = 200; // that can be chosen from
  const writing = (element) => {
    const at = (id) => element.querySelector(`#${id}`);
    const rows = at("desk-rows");
    const place = at("desk-draft");
    let kinds = null;
    let older = null;

    const show = (view) => {
      for (const one of element.querySelectorAll("[data-view]")) one.hidden = one.dataset.view !== view;
      at("desk-back").closest("p").hidden = view === "start";
      scrollTo(0, 0);
    };
    const go = (hash) => {
      if (location.hash === hash) route();
      else location.hash = hash;
    };

    // The kinds, in their groups.
    const drawKinds = () => {
      const groups = new Map();
      for (const kind of kinds.items) groups.set(kind.group, [...(groups.get(kind.group) ?? []), kind]);
      at("desk-kinds").replaceChildren(
        ...[...groups].map(([name, items]) =>
          make(
            "div",
            { class: "kinds" },
            make("h3", {}, name),
            make("ul", {}, ...items.map((kind) => make("li", {}, make("a", { class: "kind", href: `${HERE}#new=${kind.id}` }, make("span", { class: "title" }, kind.title), make("span", { class: "facts" }, kind.about))))),
          ),
        ),
      );
      at("desk-notice").hidden = !kinds.notice;
      at("desk-notice").textContent = kinds.notice ?? "";
    };

    // A labelled field with a place for what is wrong with it.
    const field = (one, value = "") => {
      const id = `desk-${one.name}`;
      const given = { id, name: one.name, maxlength: one.most, "aria-describedby": `${id}-hint ${id}-wrong`, "aria-required": one.required ? "true" : null, autocomplete: "off" };
      const input = one.lines > 1 ? make("textarea", { ...given, rows: one.lines }) : make("input", { ...given, type: "text" });
      input.value = value;
      input.addEventListener("input", () => wrong(input, ""));
      const hint = one.about || (one.kind === "date" ? "As it should be read, for example 3 May 2027." : "");
      return make(
        "div",
        { class: "field" },
        make("label", { for: id }, one.label, make("span", { class: "facts" }, one.required ? "" : " (optional)")),
        make("p", { class: "hint", id: `${id}-hint`, hidden: hint ? null : "" }, hint),
        input,
        make("p", { class: "wrong", id: `${id}-wrong`, role: "alert", hidden: "" }),
      );
    };

    const artistChoice = async (chosen) => {
      const roster = await window.aim.artists().catch(() => []);
      if (roster.length < 2) return "";
      const select = window.aim.options(make("select", { id: "desk-artist" }), [["", "Nobody in particular"], ...roster.map((one) => [one.id, one.name])], chosen ?? "");
      return make("div", { class: "field" }, make("label", { for: "desk-artist" }, "About which artist?"), select);
    };

    const documentChoice = async (kind, chosen) => {
      const found = await api("GET", `/documents?kb=personal&status=ready&limit=${DOCUMENTS}`);
      const items = found.ok ? found.body.items : [];
      if (!items.length) return make("p", { class: "facts no-documents" }, "You have no documents here yet: the text will rest on what you type and on your profile.");
      const boxes = items.map((one) => {
        const box = make("input", { type: "checkbox", name: "documents", value: one.id, id: `desk-of-${one.id}` });
        box.checked = chosen?.includes(one.id) ?? false;
        return make("li", {}, box, make("label", { for: box.id }, one.title));
      });
      const left = kind.public ? " Contracts and other private papers are left out unless you choose them." : "";
      const words = kind.documents ? `All your documents are looked through.${left} Tick some to use only these.` : "Tick documents that should be read for it.";
      const details = make("details", { class: "from" }, make("summary", {}, "Choose documents"), make("p", { class: "hint" }, words), make("ul", { class: "boxes" }, ...boxes));
      details.open = Boolean(chosen?.length);
      return details;
    };

    const drawForm = async (kind) => {
      const form = at("desk-form");
      at("desk-type-heading").textContent = kind.title;
      at("desk-about").textContent = kind.opinion ? `${kind.about} Feedback needs a language model.` : kind.about;
      if (kind.opinion && kinds.model) at("desk-about").textContent = kind.about;
      const said = make("p", { class: "said", role: "status" });
      const send = make("button", { type: "submit", class: "primary" }, kinds.model ? "Write it" : "Fill in the template");
      const notice = kinds.notice ? make("p", { class: "notice" }, kinds.notice) : "";
      const [artist, documents] = await Promise.all([artistChoice(), documentChoice(kind)]);
      const fields = kind.fields.map((one) => field(one));
      form.replaceChildren(notice, artist, ...fields, documents, make("div", { class: "end" }, send, button("Cancel", "", () => go("#")), said));
      form.onsubmit = async (event) => {
        event.preventDefault();
        const inputs = {};
        let missing = null;
        for (const one of kind.fields) {
          const input = form.elements[one.name];
          if (input.value.trim()) inputs[one.name] = input.value.trim();
          else if (one.required) {
            wrong(input, `Fill this in: ${one.label}`);
            missing ??= input;
          }
        }
        if (missing) return missing.focus();
        const chosen = [...form.querySelectorAll("[name=documents]:checked")].map((one) => one.value);
        send.disabled = true;
        say(said, kinds.model ? "Writing. This can take half a minute …" : "Filling in …");
        const answer = await api("POST", "/drafts", { kind: kind.id, inputs, artist_id: form.querySelector("#desk-artist")?.value || null, documents: chosen.length ? chosen : null });
        send.disabled = false;
        if (!answer.ok) return say(said, answer.sentence, "bad");
        say(said, "");
        opened = answer.body;
        go(`#draft=${answer.body.id}`);
      };
    };

    // The list of drafts.
    const row = (draft) => {
      const facts = [draft.kind_title, draft.state === "withdrawn" ? "Removed with its documents" : draft.open ? `${draft.open} to confirm` : "Nothing to confirm", day(draft.updated)].join(" · ");
      const remove = async () => {
        if (!(await window.aim.confirmed(`Delete “${draft.title}” for good?`, "Delete"))) return;
        const answer = await api("DELETE", `/drafts/${encodeURIComponent(draft.id)}`);
        await drawRows();
        say(at("desk-said"), answer.sentence || `“${draft.title}” was deleted.`, answer.ok ? "good" : "bad");
      };
      return make(
        "li",
        { class: "person", "data-id": draft.id },
        make("div", { class: "what" }, make("a", { class: "title", href: `${HERE}#draft=${draft.id}` }, draft.title), make("span", { class: "facts" }, facts)),
        make("div", { class: "actions" }, button("Delete", draft.title, remove)),
      );
    };
    const drawRows = async (more = "") => {
      const found = await api("GET", `/drafts?limit=20${more && `&after=${encodeURIComponent(more)}`}`);
      if (!found.ok) return say(at("desk-said"), found.sentence, "bad");
      if (!more) rows.replaceChildren();
      rows.append(...found.body.items.map(row));
      older = found.body.next;
      at("desk-older").hidden = !older;
      at("desk-drafts").hidden = !rows.childElementCount;
    };
    at("desk-older").addEventListener("click", () => drawRows(older));

    // One draft.
    let opened = null;
    const acts = {
      changed: (draft) => (opened = draft),
      gone: (draft) => {
        say(at("desk-said"), `“${draft.title}” was deleted.`, "good");
        go("#");
      },
      again: async (draft, opener, said) => {
        opener.disabled = true;
        say(said, kinds?.model ? "Writing. This can take half a minute …" : "Filling in …");
        const answer = await api("POST", `/drafts/${encodeURIComponent(draft.id)}/again`);
        opener.disabled = false;
        if (!answer.ok) return say(said, answer.sentence, "bad");
        opened = answer.body;
        go(`#draft=${answer.body.id}`);
      },
    };
    const drawDraft = async (id) => {
      const found = opened?.id === id ? { ok: true, body: opened } : await api("GET", `/drafts/${encodeURIComponent(id)}`);
      if (!found.ok) {
        say(at("desk-said"), found.sentence, "bad");
        return go("#");
      }
      opened = found.body;
      window.aim.drawDraft(place, found.body, acts);
      place.querySelector("h2").focus({ preventScroll: true });
    };

    const route = async () => {
      const [what, id] = decodeURIComponent(location.hash.slice(1)).split("=");
      const kind = what === "new" ? kinds?.items.find((one) => one.id === id) : null;
      if (kind) {
        show("form");
        await drawForm(kind);
        at("desk-form").querySelector("select, input, textarea")?.focus({ preventScroll: true });
      } else if (what === "draft" && id) {
        show("draft");
        await drawDraft(id);
      } else {
        show("start");
        await drawRows();
      }
    };

    at("desk-back").addEventListener("click", (event) => {
      event.preventDefault();
      go("#");
    });
    addEventListener("hashchange", route);
    (async () => {
      const found = await api("GET", "/desk/kinds");
      if (!found.ok) return say(at("desk-said"), found.sentence, "bad");
      kinds = found.body;
      drawKinds();
      route();
    })();
  };

  Object.assign(window.aim, { writing });
})();
