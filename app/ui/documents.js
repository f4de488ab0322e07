// A list of documents over the REST API: search, what can be done with one or several, and what happens to them meanwhile.
(() => {
  const PAGE = 25; // rows at first, and more at each "Show more"
  const LOOK_MS = 1500; // between two looks at documents that are being read
  const HIDDEN_MS = 15000; // the same while nobody looks at the page
  const QUIET_MS = 10000; // a row that nothing was heard of for so long is asked for by itself
  const OVERLAP_MS = 2000; // changes are written down a moment before they can be seen
  const TYPING_MS = 250;
  const AT_ONCE = 4;
  const LEARN_MS = [300, 1000, 3000, 9000, 30000];
  const GONE = "The server does not answer; what is shown may be old. Looking again…";

  const { api, send, artists, make, options, size, count, confirmed, chosen, makeRow, editRow, finished } = window.aim;
  const of = (row) => `/documents/${encodeURIComponent(row.document.id)}`;

  const documents = (element) => {
    const root = element.querySelector(".library");
    const [list, form, more, nothing, bulk, said] = [".documents", ".filters", ".more", ".nothing", ".bulk", ".said"].map((one) => root.querySelector(one));
    const library = { own: root.dataset.kb === "personal", writable: false, words: JSON.parse(root.dataset.words), artists: new Map() };
    const rows = new Map(); // id -> row; the order is that of the list
    const arrived = new Map(); // id -> document taken since the last search was sent, which may not know of it
    let turn = 0; // of the searches; the answer to an older one comes too late
    let newest = 0; // last change heard of, in ms
    let timer = null;

    const say = (words) => (said.textContent = words);
    const filters = () => [...new FormData(form)].filter(([, value]) => value.trim());
    const shown = () => [...list.children].map((item) => rows.get(item.dataset.id));
    const picked = () => shown().filter((row) => row.pick.checked);

    // One that came by another way, such as from a phone, is shown where everything is.
    const mayJoin = (found) => !filters().length && list.childElementCount > 0 && found.created > shown()[0].document.created;

    const heard = (found) => {
      newest = Math.max(newest, Date.parse(found.updated));
      const row = rows.get(found.id);
      if (!row) return mayJoin(found) && add(found, "prepend");
      if (Date.parse(found.updated) < Date.parse(row.document.updated)) return; // the answer to an older question came later
      const ended = !finished(row.document) && finished(found);
      const before = row.document;
      row.update(found);
      if (ended) sum(), learn(row);
      follow(before, found);
    };

    // Documents that disagree say so in both rows: what changes in one is looked up for the others.
    const apart = (one) => new Map((one?.insight?.disagrees_with ?? []).map((other) => [other.document_id, other.title]));
    const follow = (before, after) => {
      for (const id of new Set([...apart(before).keys(), ...apart(after).keys()])) {
        const other = rows.get(id);
        const same = apart(before).get(id) === apart(after).get(id) && before.title === after.title;
        if (other && !same) api(of(other)).then(heard, () => {});
      }
    };

    // What kind of document it is follows a moment after it is ready.
    const learn = (row, pauses = LEARN_MS) => {
      if (row.document.status !== "ready" || row.document.insight || !pauses.length) return;
      const again = () => rows.get(row.document.id) === row && api(of(row)).then(heard, () => {}).then(() => learn(row, pauses.slice(1)));
      setTimeout(again, pauses[0]);
    };

    const add = (found, place = "append") => {
      if (rows.has(found.id)) return heard(found);
      rows.set(found.id, makeRow(library, found, (action, row) => acts[action](row)));
      list[place](rows.get(found.id).element);
      heard(found);
      if (library.writable) learn(rows.get(found.id)); // it may have become ready a moment before the page came
    };

    const drop = (row) => {
      const next = row.element.nextElementSibling ?? row.element.previousElementSibling;
      const held = row.element.contains(document.activeElement) || document.activeElement === document.body;
      rows.delete(row.document.id);
      row.element.remove();
      follow(row.document, null);
      if (held) (rows.get(next?.dataset.id) ?? { focus: () => form.elements.q.focus() }).focus();
      settle();
    };

    // What follows from the rows that are there: the empty list's words, the bar for several, the next look.
    const settle = (sentence = "") => {
      const asked = filters().length > 0;
      const empty = !list.childElementCount;
      nothing.hidden = !empty;
      list.hidden = empty;
      if (empty) {
        nothing.querySelector("p").textContent = sentence || (asked ? "Nothing matches." : root.dataset.empty);
        nothing.querySelector("button").textContent = sentence ? "Try again" : "Clear the search";
        nothing.querySelector("button").hidden = !sentence && !asked;
      }
      form.hidden = empty && !asked && !sentence;
      form.querySelector(".clear").hidden = !asked;
      countPicked();
      if (timer === null && shown().some((row) => !finished(row.document))) timer = setTimeout(look, LOOK_MS);
    };

    const countPicked = () => {
      const [some, all] = [picked().length, list.childElementCount];
      bulk.hidden = !library.writable || !all;
      bulk.classList.toggle("some", some > 0);
      bulk.querySelector(".acts").hidden = !some;
      bulk.querySelector(".picked").textContent = some ? `${some} selected` : "Select all shown";
      Object.assign(bulk.querySelector("input"), { checked: some > 0 && some === all, indeterminate: some > 0 && some < all });
    };

    const load = async (further = false) => {
      const mine = (turn += 1);
      const parameters = new URLSearchParams([["kb", root.dataset.kb], ["limit", PAGE], ...filters()]);
      if (further) parameters.set("after", list.lastElementChild?.dataset.id ?? "");
      more.disabled = true;
      if (!further) arrived.clear();
      let sentence = "";
      try {
        const page = await api(`/documents?${parameters}`);
        if (mine !== turn) return;
        if (!further) {
          rows.clear();
          list.replaceChildren();
        }
        const first = list.childElementCount;
        for (const found of page.items) add(found);
        for (const found of arrived.values()) add(found, "prepend");
        more.hidden = page.next === null;
        if (further) shown()[first]?.focus();
        else say(filters().length && page.items.length ? (page.next === null ? `${count(page.items.length, "document")} found.` : `The first ${page.items.length} of those found.`) : "");
      } catch (error) {
        if (mine !== turn) return;
        if (error.status === 404 && further) return load(); // the last row was deleted elsewhere
        if (further || list.childElementCount) say(error.message);
        else sentence = error.message;
      } finally {
        more.disabled = false;
      }
      settle(sentence);
    };

    const look = async () => {
      timer = null;
      const since = new Date(newest - OVERLAP_MS).toISOString();
      try {
        for (const found of (await api(`/documents?${new URLSearchParams({ kb: root.dataset.kb, limit: 200, since })}`)).items) heard(found);
        const [quiet] = shown().filter((row) => !finished(row.document) && performance.now() - row.heard > QUIET_MS).sort((one, other) => one.heard - other.heard);
        if (quiet) await api(of(quiet)).then(heard, (error) => error.status === 404 && drop(quiet));
        if (said.textContent === GONE) say("");
      } catch (error) {
        say(error.status ? error.message : GONE);
      }
      if (timer === null && shown().some((row) => !finished(row.document))) timer = setTimeout(look, document.hidden ? HIDDEN_MS : LOOK_MS);
    };

    // How much is kept, of how much; and whether the industry's are this user's to change.
    const sum = async () => {
      const kept = await api("/documents/totals").catch(() => null);
      if (!kept) return;
      library.writable = kept.kbs.includes(root.dataset.kb);
      root.classList.toggle("writable", library.writable);
      for (const area of document.querySelectorAll(`.drop[data-kb="${root.dataset.kb}"]`)) area.hidden = !library.writable;
      const line = root.querySelector(".sum");
      if (!line) return;
      const [share, full] = [kept.bytes / kept.most_bytes, kept.documents / kept.most_documents];
      const parts = [count(kept.documents, "document"), count(kept.pages, "page"), count(kept.chunks, "passage"), `${size(kept.bytes)} of ${size(kept.most_bytes)} used`];
      for (const [number, words] of [[kept.reading, "being read"], [kept.failed, "failed"]]) if (number) parts.push(`${number} ${words}`);
      line.textContent = parts.join(" · ");
      const meter = root.querySelector(".meter");
      const percent = Math.min(100, Math.round(100 * Math.max(share, full)));
      meter.setAttribute("aria-valuenow", percent);
      meter.setAttribute("aria-valuetext", `${size(kept.bytes)} of ${size(kept.most_bytes)}, ${kept.documents} of ${kept.most_documents} documents`);
      meter.firstElementChild.style.width = `${percent}%`;
      const room = root.querySelector(".room");
      room.hidden = percent < 90;
      room.textContent = percent < 100 ? "There is little room left: delete what you no longer need." : "There is no room left: delete what you no longer need, then add more.";
    };

    // One change; what is refused is said in its row. True when it was done.
    const change = async (row, request) => {
      row.refuse("");
      try {
        const found = await request();
        if (found) heard(found);
        settle();
        return true;
      } catch (error) {
        if (error.status === 404) drop(row);
        else row.refuse(error.message);
        return false;
      }
    };

    const remove = async (row) => {
      if (await change(row, () => api(of(row), { method: "DELETE" }))) return drop(row), true;
      return false;
    };

    const replace = (row) => {
      const chooser = make("input", { type: "file", accept: root.dataset.kinds, "aria-label": `New version of ${row.document.title}` });
      chooser.addEventListener("change", () => {
        const body = new FormData();
        body.append("file", chooser.files[0]);
        const going = (sent, all) => say(`Uploading ${chooser.files[0].name}, ${size(sent)} of ${size(all)}`);
        change(row, () => send("PUT", `${of(row)}/file`, body, going)).then(() => (say(""), sum()));
      });
      chooser.click();
    };

    const acts = {
      pick: () => countPicked(),
      cancel: (row) => change(row, () => api(`${of(row)}/cancel`, { method: "POST" })),
      retry: (row) => change(row, () => api(`${of(row)}/retry`, { method: "POST" })),
      details: (row) => window.aim.details(row.document),
      view: (row) => window.aim.view({ document: row.document.id, page: 1, title: row.document.title }),
      edit: (row) => editRow(library, row, async (changes) => (heard(await api(of(row), { method: "PATCH", json: changes })), settle())),
      replace: (row) => (row.close(), replace(row)),
      delete: async (row) => {
        row.close();
        if (!(await confirmed(`Delete “${row.document.title}” for good?`, "Delete"))) return row.focus();
        if (await remove(row)) say(`“${row.document.title}” is deleted.`), sum();
      },
    };

    // The same change of several, a few at a time; rows that refuse it say so and stay selected.
    const several = async (chosenRows, doing, done, each) => {
      const [waiting, all] = [[...chosenRows], chosenRows.length];
      let [finishedOnes, right] = [0, 0];
      const work = async () => {
        for (let row; (row = waiting.shift()); ) {
          const well = await each(row);
          right += well;
          row.pick.checked = !well;
          say(`${doing} ${(finishedOnes += 1)} of ${all}…`);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      say(right === all ? `${count(all, "document")} ${done}.` : `${right} of ${count(all, "document")} ${done}; the others say why not.`);
      settle();
      sum();
    };

    const patch = (values) => (row) => change(row, () => api(of(row), { method: "PATCH", json: values }));
    const bulks = {
      clauses: (some) => window.aim.exporting({ kind: "clauses", documents: some.map((row) => row.document.id), title: some.map((row) => row.document.title).join(", ") }),
      delete: async (some) => {
        if (await confirmed(`Delete ${count(some.length, "document")} for good?`, "Delete")) await several(some, "Deleting", "deleted", remove);
      },
      artist: async (some) => {
        const pairs = [["", "All artists"], ...library.artists];
        const id = await chosen(`Set the artist of ${count(some.length, "document")}. They are read again, and answer nothing until they are ready.`, "Artist", pairs, "Set the artist");
        if (id !== null) await several(some, "Changing", "changed", patch({ artist_id: id || null }));
      },
      standing: async (some) => {
        const standing = await chosen(`Set the standing of ${count(some.length, "document")}.`, "Standing", Object.entries(library.words.standing), "Set the standing");
        if (standing !== null) await several(some, "Changing", "changed", patch({ standing }));
      },
    };

    let typing = null;
    form.addEventListener("input", (event) => {
      clearTimeout(typing);
      typing = setTimeout(load, event.target.name === "q" ? TYPING_MS : 0);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => (load(), form.elements.q.focus())));
    more.addEventListener("click", () => load(true));
    nothing.querySelector("button").addEventListener("click", () => (filters().length ? form.reset() : load()));
    bulk.querySelector("input").addEventListener("change", (event) => {
      for (const row of shown()) row.pick.checked = event.target.checked;
      countPicked();
    });
    bulk.addEventListener("click", (event) => bulks[event.target.dataset.bulk]?.(picked()));
    addEventListener("aim:document", (event) => {
      if (event.detail.kb !== root.dataset.kb) return;
      arrived.set(event.detail.id, event.detail);
      const before = rows.get(event.detail.id);
      if (before) list.prepend(before.element);
      add(event.detail, "prepend");
      sum();
      settle();
    });
    addEventListener("pointerdown", (event) => {
      for (const menu of root.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    });

    document.addEventListener("visibilitychange", () => document.hidden || timer !== null || !list.childElementCount || look());

    const start = async () => {
      const roster = library.own ? await artists().catch(() => []) : [];
      library.artists = new Map(roster.map((one) => [one.id, one.name]));
      if (library.own) options(form.elements.artist_id, library.artists);
      await sum();
      await load();
      root.removeAttribute("aria-busy");
    };
    start();
  };

  Object.assign(window.aim, { documents });
})();
