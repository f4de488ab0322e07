// The drop area: posts files to /api/documents with the session cookie, two at a time, and follows them until they are ready.
(() => {
  const AT_ONCE = 2;
  const LOOK_MS = 1500; // between two looks at documents that are being read
  const WORDS = { received: "Waiting", stored: "Waiting", parsing: "Reading the file", embedding: "Indexing", indexing: "Indexing" };
  const BROKE_OFF = "The upload broke off; check the connection and add the file again.";

  const json = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return {};
    }
  };

  const size = (bytes) => (bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  const makeRow = (list, file) => {
    const row = document.createElement("li");
    row.innerHTML = '<span class="title"></span><span class="facts"></span><progress max="100" value="0"></progress>';
    const [title, facts, bar] = row.children;
    title.textContent = file.name;
    bar.setAttribute("aria-label", `Progress of ${file.name}`);
    list.prepend(row);
    const show = (state, words, percent) => {
      row.className = state;
      facts.textContent = words;
      bar.hidden = percent === undefined;
      bar.value = percent ?? 0;
    };
    show.away = () => row.remove();
    return show;
  };

  // Resolves with the document, or rejects with a sentence.
  const send = (file, show) =>
    new Promise((resolve, reject) => {
      const form = new FormData();
      form.append("kb", "personal");
      const artist = window.aim.artist?.(); // of the chat page: whom one is asking about
      if (artist) form.append("artist_id", artist);
      form.append("file", file);
      const request = new XMLHttpRequest();
      request.open("POST", "/api/documents");
      request.upload.onprogress = (event) => {
        if (event.lengthComputable) show("going", `Uploading, ${size(event.loaded)} of ${size(event.total)}`, (100 * event.loaded) / event.total);
      };
      request.onload = () => {
        const body = json(request.responseText);
        if (request.status === 401) window.aim.toSignIn();
        if (request.status < 300) resolve(body);
        else reject(body.detail || BROKE_OFF);
      };
      request.onerror = () => reject(BROKE_OFF);
      request.send(form);
    });

  const refusal = (area, file) => {
    const kinds = area.dataset.kinds.split(",");
    const kind = file.name.includes(".") ? "." + file.name.split(".").pop().toLowerCase() : "";
    if (!kinds.includes(kind)) return `Files of this type cannot be read; these can: ${kinds.map((one) => one.slice(1).toUpperCase()).join(", ")}.`;
    if (file.size > Number(area.dataset.max)) return `This file is too large: it has ${size(file.size)}, and ${size(Number(area.dataset.max))} is the most.`;
    return null;
  };

  const dropArea = (element, trigger) => {
    const area = element.querySelector(".drop");
    const input = area.querySelector("input");
    const list = area.querySelector(".uploads");
    const listed = !area.classList.contains("compact"); // the page itself lists what was taken, with its state
    const following = new Map(); // document id -> how to show it
    const waiting = [];
    let going = 0;
    let timer = null;

    const tell = (found, show) => {
      if (found.status === "failed") show("failed", found.reason || "This file could not be read.");
      else if (found.status === "ready") show("ready", `Ready: ${found.pages} page${found.pages === 1 ? "" : "s"}`);
      else return show("going", WORDS[found.status] || "Waiting", 100 * found.progress), false;
      return true;
    };

    const look = async () => {
      timer = null;
      for (const [id, show] of [...following]) {
        const answer = await fetch(`/api/documents/${encodeURIComponent(id)}`).catch(() => null);
        if (answer?.status === 404) show("failed", "This document was deleted.");
        else if (!answer?.ok || !tell(await answer.json(), show)) continue;
        following.delete(id);
        trigger("submit");
      }
      if (following.size) timer = setTimeout(look, LOOK_MS);
    };

    const next = async () => {
      if (going >= AT_ONCE || !waiting.length) return;
      going += 1;
      const [file, show] = waiting.shift();
      try {
        const taken = await send(file, show);
        if (listed) show.away();
        else if (!tell(taken, show)) following.set(taken.id, show);
        trigger("submit");
        timer ??= setTimeout(look, LOOK_MS);
      } catch (sentence) {
        show("failed", String(sentence));
      }
      going -= 1;
      next();
    };

    const add = (files) => {
      for (const file of files) {
        const show = makeRow(list, file);
        const sentence = refusal(area, file);
        if (sentence) show("failed", sentence);
        else {
          show("going", "Waiting", 0);
          waiting.push([file, show]);
        }
      }
      for (let one = 0; one < AT_ONCE; one += 1) next();
    };

    area.querySelector("button").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      add([...input.files]);
      input.value = "";
    });
    for (const kind of ["dragenter", "dragover"])
      area.addEventListener(kind, (event) => {
        event.preventDefault();
        area.classList.add("over");
      });
    for (const kind of ["dragleave", "drop"]) area.addEventListener(kind, () => area.classList.remove("over"));
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      add([...event.dataTransfer.files]);
    });
  };

  window.aim.dropArea = dropArea;
  // A file that misses the area must not replace the page.
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
  dispatchEvent(new Event("aim"));
})();
