// A table of growth figures: read here, shown as the server reads it, kept when somebody says so.
(() => {
  const { api, make, say, count } = window.aim.people;
  const MEANINGS = [
    ["ignore", "Leave out"], ["day", "The day"], ["listeners", "Listeners"], ["followers", "Followers"], ["streams", "Streams"],
    ["income", "Income"], ["value", "Numbers of what another column says"], ["metric", "What the numbers count"],
    ["platform", "The platform"], ["currency", "The currency"], ["artist", "The artist"],
  ];
  const METRICS = ["listeners", "followers", "streams", "income"];
  const LARGEST = 1_000_000; // characters that one request carries
  const WAIT_MS = 350;
  const SHOWN = 5;

  // As spreadsheets save it: UTF-8, UTF-16 with its mark, or the letters of Windows.
  const decoded = (bytes) => {
    const [first, second] = new Uint8Array(bytes.slice(0, 2));
    if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
    if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return new TextDecoder("windows-1252").decode(bytes);
    }
  };

  const labelled = (words, control, id) => {
    control.id = id;
    return make("div", { class: "field" }, make("label", { for: id }, words), control);
  };
  const select = (name, pairs, chosen) => window.aim.options(make("select", { name }), pairs, chosen);
  const tick = (name, words, on) => make("label", { class: "tick" }, Object.assign(make("input", { type: "checkbox", name }), { checked: on }), ` ${words}`);

  const growthImport = (section, changed) => {
    const file = section.querySelector("input[type=file]");
    const pasted = section.querySelector(".pasted");
    const text = pasted.querySelector("textarea");
    const said = section.querySelector(".said");
    const place = section.querySelector(".read");
    const name = section.querySelector(".name");
    let csv = "";
    let asked = 0; // the newest preview counts
    let timer = null;

    const begin = (table) => {
      csv = table;
      place.hidden = true;
      place.replaceChildren();
      if (!csv.trim()) return say(said, "");
      if (csv.length > LARGEST) return say(said, "This table is too large to be read at once; split it and import the parts.", "bad");
      look({});
    };

    const look = async (settings) => {
      const number = ++asked;
      const answer = await api("POST", "/growth/import", { ...settings, csv, preview: true });
      if (number !== asked) return;
      if (!answer.ok) return say(said, answer.sentence, "bad");
      say(said, "");
      draw(answer.body, settings);
    };

    const read = (form) => {
      const { elements } = form;
      const columns = Object.fromEntries([...form.querySelectorAll("select[data-column]")].map((one) => [one.dataset.column, one.value]));
      return {
        columns,
        metric: elements.metric?.value || null,
        platform: elements.platform.value,
        currency: elements.currency?.value ?? "",
        artist_id: elements.artist?.value || null,
        day_order: elements.day_order?.value || null,
        add_up: elements.add_up?.checked ?? false,
        replace: elements.replace?.checked ?? false,
      };
    };

    const columns = (found) => {
      const body = make("tbody");
      for (const column of found.columns) {
        const choice = select("", MEANINGS, column.means);
        choice.dataset.column = column.name;
        choice.setAttribute("aria-label", `What “${column.name}” holds`);
        choice.removeAttribute("name");
        body.append(make("tr", {}, make("th", { scope: "row" }, column.name), make("td", {}, column.example), make("td", {}, choice)));
      }
      const heads = ["Column", "Such as", "Holds"].map((head) => make("th", { scope: "col" }, head));
      const table = make("table", {}, make("caption", {}, "What each column holds"), make("thead", {}, make("tr", {}, ...heads)), body);
      return make("div", { class: "scrolls", role: "region", "aria-label": "What each column holds", tabindex: "0" }, table);
    };

    const more = (found, settings) => {
      const means = found.columns.map((one) => one.means);
      const grid = make("div", { class: "grid" });
      if (means.includes("value") && !means.includes("metric"))
        grid.append(labelled("The numbers are", select("metric", [["", "Choose"], ...METRICS.map((one) => [one, one[0].toUpperCase() + one.slice(1)])], settings.metric ?? ""), "import-metric"));
      if (found.needs?.includes("03/04/2026") || settings.day_order)
        grid.append(labelled("03/04/2026 is", select("day_order", [["", "Choose"], ["day_first", "3 April"], ["month_first", "March 4"]], settings.day_order ?? ""), "import-order"));
      const platform = make("input", { name: "platform", maxlength: 60, list: "growth-platforms", autocomplete: "off", value: settings.platform ?? "" });
      grid.append(labelled(means.includes("platform") ? "Platform, where none is named" : "Platform", platform, "import-platform"));
      if (means.includes("income") || settings.metric === "income" || means.includes("metric")) {
        const currency = make("input", { name: "currency", maxlength: 3, list: "growth-currencies", placeholder: "such as EUR", autocomplete: "off", value: settings.currency ?? "" });
        grid.append(labelled("Currency, where none is named", currency, "import-currency"));
      }
      const artist = select("artist", [["", "All artists"]]);
      const holder = labelled("Artist", artist, "import-artist");
      holder.hidden = true;
      window.aim.artists().then((roster) => {
        window.aim.options(artist, roster.map((one) => [one.id, one.name]), settings.artist_id);
        holder.hidden = roster.length < 2;
      }, () => {});
      grid.append(holder);
      return grid;
    };

    const outcome = (found) => {
      if (found.needs) return [make("p", { class: "said bad" }, found.needs)];
      const told = [`${count(found.rows, "row")} read: ${count(found.added, "new figure")}`];
      if (found.replaced) told.push(`${count(found.replaced, "figure")} to replace`);
      if (found.unchanged) told.push(`${found.unchanged} kept already`);
      if (found.refused) told.push(`${count(found.refused, "row")} with something that cannot be kept`);
      const lines = found.troubles.slice(0, SHOWN).map((one) => make("li", {}, `Row ${one.row}: ${one.sentence}`));
      const rest = found.refused > SHOWN ? make("li", {}, `and ${found.refused - SHOWN} more rows`) : null;
      const sample = found.sample.map((one) => [one.day, one.platform, one.metric, one.value, one.currency].filter(Boolean).join(" "));
      return [
        make("p", { class: "outcome" }, `${told.join(", ")}.`),
        sample.length ? make("p", { class: "facts" }, `Read as: ${sample.slice(0, 3).join("; ")}${found.sample.length > 3 ? " …" : ""}`) : null,
        lines.length ? make("ul", { class: "troubles" }, ...lines, rest) : null,
      ].filter(Boolean);
    };

    // Drawn anew after each look; the field that had the focus keeps it, and what was being typed stays.
    const draw = (found, settings) => {
      const at = document.activeElement;
      const back = place.contains(at) ? (at.dataset.column ? `[data-column="${CSS.escape(at.dataset.column)}"]` : at.name ? `[name="${at.name}"]` : null) : null;
      const typed = at.selectionStart;
      const ready = !found.needs && found.added + found.replaced > 0;
      const ticks = make("div", { class: "ticks" });
      const twice = found.troubles.some((one) => one.sentence.includes("“Add up”"));
      const other = found.troubles.some((one) => one.sentence.includes("“Replace”"));
      if (twice || settings.add_up) ticks.append(tick("add_up", "Add up rows of the same day, platform and figure", settings.add_up));
      if (other || settings.replace) ticks.append(tick("replace", "Replace figures that are kept for the same day", settings.replace));
      const keep = make("button", { type: "submit", class: "plain keep", disabled: !ready }, ready ? `Keep ${count(found.added + found.replaced, "figure")}` : "Nothing to keep");
      const form = make("form", { novalidate: true, "aria-label": "How the table is read" }, columns(found), more(found, settings), make("div", { class: "outcomes", role: "status" }, ...outcome(found)), ticks, make("div", { class: "end" }, keep));
      form.addEventListener("change", () => look(read(form)));
      form.addEventListener("input", (event) => {
        if (event.target.type === "checkbox" || event.target.tagName === "SELECT") return;
        clearTimeout(timer);
        timer = setTimeout(() => form.isConnected && look(read(form)), WAIT_MS);
      });
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        keeping(read(form), keep);
      });
      place.replaceChildren(form);
      place.hidden = false;
      const field = back && place.querySelector(back);
      field?.focus();
      if (field?.type === "text") field.setSelectionRange(typed, typed);
    };

    const keeping = async (settings, keep) => {
      clearTimeout(timer);
      asked += 1;
      keep.disabled = true;
      const answer = await api("POST", "/growth/import", { ...settings, csv });
      keep.disabled = false;
      if (!answer.ok) return say(said, answer.sentence, "bad");
      const { added, replaced, unchanged, refused, sample } = answer.body;
      const told = [`Kept ${count(added + replaced, "figure")}`];
      if (unchanged) told.push(`${unchanged} were there already`);
      if (refused) told.push(`${count(refused, "row")} had something that cannot be kept`);
      csv = file.value = text.value = name.textContent = "";
      place.hidden = true;
      place.replaceChildren();
      say(said, `${told.join("; ")}.`, "good");
      section.querySelector("[data-paste]").focus();
      changed(sample[0]);
    };

    file.addEventListener("change", async () => {
      const [one] = file.files;
      if (!one) return;
      pasted.hidden = true;
      name.textContent = one.name;
      begin(decoded(await one.arrayBuffer()));
    });
    section.querySelector("[data-paste]").addEventListener("click", () => {
      pasted.hidden = false;
      file.value = name.textContent = "";
      text.focus();
    });
    text.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => begin(text.value), WAIT_MS);
    });
  };

  Object.assign(window.aim, { growthImport });
})();
