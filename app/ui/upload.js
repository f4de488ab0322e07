// The drop area: posts files to /api/documents with the session cookie, two at a time; a compact one follows them until ready.
(() => {
  const AT_ONCE = 2;
  const LOOK_MS = 1500; // between two looks at documents that are being read
  const WORDS = { received: "Waiting", stored: "Waiting", parsing: "Reading the file", embedding: "Indexing", indexing: "Indexing" };
  const BROKE_OFF = "The upload broke off; check the connection and try again.";
  const FOR_GOOD = [413, 415, 422]; // what is refused once is refused again

  const { api, send, artists, make, options, size, count } = window.aim;

  const makeRow = (list, file) => {
    const [title, facts] = [make("span", { class: "title" }, file.name), make("span", { class: "facts" })];
    const bar = make("progress", { max: 100, value: 0, "aria-label": `Progress of ${file.name}` });
    const actions = make("span", { class: "again" });
    const row = make("li", {}, title, facts, actions, bar);
    list.prepend(row);
    const show = (state, words, percent) => {
      row.className = state;
      facts.textContent = words;
      bar.hidden = percent === undefined;
      bar.value = percent ?? 0;
      actions.replaceChildren();
    };
    show.away = () => row.remove();
    // What went wrong stays until it is tried again or dismissed.
    show.failed = (words, again) => {
      show("failed", words);
      const button = (name, act) => make("button", { type: "button", "aria-label": `${name} ${file.name}`, click: act }, name);
      if (again) actions.append(button("Try again", again));
      actions.append(button("Dismiss", show.away));
    };
    return show;
  };

  const refusal = (area, file) => {
    const kinds = area.dataset.kinds.split(",");
    const kind = file.name.includes(".") ? "." + file.name.split(".").pop().toLowerCase() : "";
    if (!kinds.includes(kind)) return `Files of this type cannot be read; these can: ${kinds.map((one) => one.slice(1).toUpperCase()).join(", ")}.`;
    const most = Number(area.dataset.max);
    if (file.size > most) return `This file is too large: it has ${size(file.size)}, and ${size(most)} is the most; split it and add the parts.`;
    return null;
  };

  const dropArea = (element, trigger) => {
    const area = element.querySelector(".drop");
    const input = area.querySelector("input");
    const list = area.querySelector(".uploads");
    const artist = area.querySelector("[name=artist]");
    const listed = !area.classList.contains("compact"); // the page itself lists what was taken, with its state
    const following = new Map(); // document id -> how to show it
    const waiting = [];
    let going = 0;
    let timer = null;

    const tell = (found, show) => {
      if (found.status === "failed") show.failed(found.reason || "This file could not be read.");
      else if (found.status === "ready") show("ready", `Ready: ${count(found.pages, "page")}`);
      else return show("going", WORDS[found.status] || "Waiting", 100 * found.progress), false;
      return true;
    };

    const look = async () => {
      timer = null;
      for (const [id, show] of [...following]) {
        const found = await api(`/documents/${encodeURIComponent(id)}`).catch((error) => error);
        if (found.status === 404) show.failed("This document was deleted.");
        else if (found instanceof Error || !tell(found, show)) continue;
        following.delete(id);
        trigger("submit");
      }
      if (following.size) timer = setTimeout(look, LOOK_MS);
    };

    const post = (file, forArtist, show) => {
      const form = new FormData();
      form.append("kb", area.dataset.kb);
      if (forArtist) form.append("artist_id", forArtist);
      form.append("file", file);
      return send("POST", "/documents", form, (sent, all) => show("going", `Uploading, ${size(sent)} of ${size(all)}`, (100 * sent) / all));
    };

    const next = async () => {
      if (going >= AT_ONCE || !waiting.length) return;
      going += 1;
      const [file, forArtist, show] = waiting.shift();
      try {
        const taken = await post(file, forArtist, show);
        if (listed) show.away();
        else if (!tell(taken, show)) following.set(taken.id, show);
        dispatchEvent(new CustomEvent("aim:document", { detail: taken }));
        trigger("submit");
        timer ??= setTimeout(look, LOOK_MS);
      } catch (error) {
        const again = () => queue(file, forArtist, show);
        show.failed(error.status === 0 ? BROKE_OFF : error.message, FOR_GOOD.includes(error.status) ? null : again);
      }
      going -= 1;
      next();
    };

    const queue = (file, forArtist, show) => {
      show("going", "Waiting", 0);
      waiting.push([file, forArtist, show]);
      next();
    };

    const add = (files) => {
      for (const file of files) {
        const show = makeRow(list, file);
        const sentence = refusal(area, file);
        if (sentence) show.failed(sentence);
        else queue(file, artist?.value ?? window.aim.artist?.(), show);
      }
    };

    if (artist) artists().then((roster) => options(artist, roster.map((one) => [one.id, one.name])), () => {});
    area.querySelector("[data-action=add]").addEventListener("click", () => input.click());
    area.querySelector("[data-action=note]")?.addEventListener("click", () => window.aim.note());
    input.addEventListener("change", () => {
      add([...input.files]);
      input.value = "";
    });
    area.aimAdd = add;
  };

  // The whole page takes files: a drop goes to the area it hits, or to the one beside it, or to the first.
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const areaOf = (event) => {
    const near = event.target.closest?.("#industry")?.querySelector(".drop:not([hidden])");
    return event.target.closest?.(".drop") ?? near ?? document.querySelector(".drop:not([hidden])");
  };
  const mark = (area) => {
    for (const one of document.querySelectorAll(".drop")) one.classList.toggle("over", one === area);
  };
  addEventListener("dragover", (event) => {
    event.preventDefault(); // a file must not replace the page
    mark(holdsFiles(event) ? areaOf(event) : null);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || mark(null));
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(null);
    if (holdsFiles(event)) areaOf(event)?.aimAdd?.([...event.dataTransfer.files]);
  });

  Object.assign(window.aim, { dropArea });
  dispatchEvent(new Event("aim"));
})();
