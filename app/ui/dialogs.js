// Questions in the middle of the page. A <dialog> keeps the focus inside, gives it back, and closes on Escape.
(() => {
  const { make, options, api, artists } = window.aim;

  const open = (dialog, first) =>
    new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(dialog.returnValue);
      });
      document.querySelector(".gradio-container").append(dialog);
      dialog.showModal();
      first?.focus();
    });

  const answers = (word, no = "Keep it") => make("div", { class: "answers" }, make("button", { value: "no" }, no), make("button", { value: "yes" }, word));

  // True only for its own button.
  const confirmed = async (question, word, keep) =>
    (await open(make("dialog", { class: "sure" }, make("form", { method: "dialog" }, make("p", {}, question), answers(word, keep))))) === "yes";

  // One of [value, words] pairs, or null.
  const chosen = async (question, label, pairs, word) => {
    const select = options(make("select"), pairs);
    const form = make("form", { method: "dialog" }, make("p", {}, question), make("label", {}, label, select), answers(word, "Cancel"));
    return (await open(make("dialog", { class: "sure" }, form), select)) === "yes" ? select.value : null;
  };

  // Keeps a typed or pasted text; gives the new document, or null. What was typed stays there while it is refused.
  const note = async () => {
    const title = make("input", { type: "text", required: true, maxlength: 300 });
    const text = make("textarea", { rows: 10, required: true });
    const artist = options(make("select"), [["", "All artists"]]);
    artists().then((roster) => options(artist, roster.map((one) => [one.id, one.name])), () => {});
    const trouble = make("p", { class: "reason", role: "alert" });
    const form = make(
      "form",
      { method: "dialog" },
      make("h2", { id: "note-title" }, "Paste a note"),
      make("label", {}, "Title", title),
      make("label", {}, "Text", text),
      make("label", {}, "Artist", artist),
      trouble,
      make("div", { class: "answers" }, make("button", { value: "no", formnovalidate: true }, "Cancel"), make("button", { value: "yes" }, "Keep the note")),
    );
    const dialog = make("dialog", { class: "sure note", "aria-labelledby": "note-title" }, form);
    let kept = null;
    form.addEventListener("submit", async (event) => {
      if (event.submitter?.value === "no") return;
      event.preventDefault();
      event.submitter.disabled = true;
      trouble.textContent = "";
      try {
        kept = await api("/documents/notes", { method: "POST", json: { title: title.value, text: text.value, artist_id: artist.value || null } });
        dialog.close("yes");
      } catch (error) {
        trouble.textContent = error.message;
      } finally {
        event.submitter.disabled = false;
      }
    });
    await open(dialog, title);
    if (kept) dispatchEvent(new CustomEvent("aim:document", { detail: kept }));
    return kept;
  };

  Object.assign(window.aim, { confirmed, chosen, note });
})();
