// "Why this answer": asked for when it is unfolded, told in words, the numbers behind a second fold. All of it is put in as text.
(() => {
  const KBS = { personal: "your documents", global: "the industry knowledge base" };
  const INTENTS = {
    personal: "a question about your own documents",
    global: "a question about how the industry works",
    hybrid: "a question about your situation, with industry knowledge beside it",
  };
  const DECIDED = { model: "by the language model", rules: "by a fixed rule", examples: "from examples of such questions" };
  const OUTCOMES = {
    prompt: "used",
    cut: "others fitted better",
    below_floor: "does not touch the question",
    same_text: "says the same as one that was used",
    dropped: "not here any more",
  };
  const LEFT_OUT = ["cut", "below_floor", "same_text", "dropped"];
  const LOST = "The server did not answer; fold this up and open it again.";
  const STAGES = {
    embed: "Understanding the question",
    search: "Searching",
    fuse: "Merging what the search models found",
    check: "Checking what you may see",
    rerank: "Reading the best passages again",
    choose: "Choosing among them",
  };
  const NAMED = 6; // documents told by name; the table has them all
  const SCORES = ["score", "relevance"];

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const and = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);
  const took = (milliseconds) => (milliseconds < 1 ? "under 1 ms" : `${Math.round(milliseconds)} ms`);

  const decided = (reason) => {
    const [by, ...why] = (reason ?? "").split(": ");
    if (!why.length) return "";
    return ` (decided ${DECIDED[by] ?? `by ${by}`}${by === "model" ? "" : `: ${why.join(": ")}`})`;
  };

  const where = (trace, row) => {
    const found = trace.passages?.[row.chunk_id];
    return found ? `${found.title}, page ${found.page}` : "a passage that is not here any more";
  };

  // Pages by document, in the order in which they came.
  const byDocument = (trace, rows) => {
    const pages = new Map();
    for (const row of rows) {
      const found = trace.passages?.[row.chunk_id];
      if (!found) continue;
      const known = pages.get(found.document_id) ?? { title: found.title, pages: new Set() };
      known.pages.add(found.page);
      pages.set(found.document_id, known);
    }
    return [...pages.values()].map(({ title, pages: numbers }) => {
      const sorted = [...numbers].sort((one, other) => one - other);
      return `${title} (page${sorted.length > 1 ? "s" : ""} ${and(sorted.map(String))})`;
    });
  };

  const found = (trace) => {
    const used = trace.candidates.filter((row) => row.outcome === "prompt");
    if (!trace.candidates.length) return ["Nothing was found that touches the question."];
    const lines = [`Looked at ${count(trace.candidates.length, "passage")}; ${used.length} were used for the answer.`];
    const names = byDocument(trace, used);
    const more = names.length > NAMED ? `, and ${count(names.length - NAMED, "more document")}` : "";
    if (names.length) lines.push(`Used: ${names.slice(0, NAMED).join("; ")}${more}.`);
    const left = LEFT_OUT.map((outcome) => [trace.candidates.filter((row) => row.outcome === outcome).length, OUTCOMES[outcome]]);
    const told = left.filter(([number]) => number).map(([number, why]) => `${number} because ${plural(number, why)}`);
    if (told.length) lines.push(`Left out: ${and(told)}.`);
    return lines;
  };
  const plural = (number, why) =>
    ({
      [OUTCOMES.cut]: "others fitted better",
      [OUTCOMES.below_floor]: number === 1 ? "it does not touch the question" : "they do not touch the question",
      [OUTCOMES.same_text]: number === 1 ? "it says the same as one that was used" : "they say the same as ones that were used",
      [OUTCOMES.dropped]: number === 1 ? "it is not here any more" : "they are not here any more",
    })[why];

  const missing = (trace) => {
    const lines = [];
    if (trace.missing?.length)
      lines.push(`Missing: the search model ${and(trace.missing)} did not take part, so something may have been overlooked.`);
    if (trace.second_pass?.startsWith("failed")) lines.push("Missing: reading the best passages again failed; their order is rougher.");
    return lines;
  };

  const words = (trace) => {
    if (trace.direct) return [`Answered directly, without looking anything up${decided(trace.reason)}.`];
    const lines = [`Understood as ${INTENTS[trace.intent] ?? "a question"}${decided(trace.reason)}.`];
    if (trace.standalone) lines.push(`It leans on what was said before, so this was looked up: “${trace.standalone}”`);
    lines.push(`Looked in ${and(trace.kbs.map((kb) => KBS[kb] ?? kb))}.`);
    if (trace.documents?.length) lines.push("Limited to the documents that were chosen, or that the question names.");
    lines.push(...found(trace), ...missing(trace));
    for (const { labels, says } of trace.disagreements ?? [])
      lines.push(`Sources disagree: ${and(labels.map((label, at) => `[${label}] says ${says?.[at] ?? "something else"}`))}.`);
    const spent = Object.values(trace.milliseconds ?? {}).reduce((sum, one) => sum + one, 0);
    if (spent) lines.push(`Finding all this took ${took(spent)}.`);
    return lines;
  };

  const table = (caption, heads, rows) => {
    const scroll = element("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", caption);
    const made = scroll.appendChild(element("table"));
    made.append(element("caption", "", caption));
    const head = made.appendChild(element("thead")).appendChild(element("tr"));
    for (const [words, kind] of heads) head.appendChild(element("th", kind, words)).scope = "col";
    const body = made.appendChild(element("tbody"));
    for (const row of rows) {
      const line = body.appendChild(element("tr"));
      row.forEach((value, at) => {
        const cell = line.appendChild(element(at ? "td" : "th", heads[at][1], value ?? "–"));
        if (!at) cell.scope = "row";
      });
    }
    return scroll;
  };

  const numbers = (trace) => {
    const fold = element("details", "numbers");
    fold.append(element("summary", "", "The numbers"));
    if (trace.candidates.length) {
      const scores = SCORES.filter((name) => trace.candidates.some((row) => row[name] != null)); // admins' traces have them
      const labels = new Map(trace.prompt.map((row) => [row.chunk_id, row.label]));
      const heads = [
        ["Passage", "name"],
        ["Source", ""],
        ...trace.models.map((model) => [`Rank: ${model}`, "number"]),
        ["Merged", "number"],
        ["Read again", "number"],
        ...scores.map((name) => [name === "score" ? "Score" : "Relevance", "number"]),
        ["What became of it", ""],
      ];
      const rows = trace.candidates.map((row) => [
        where(trace, row),
        labels.get(row.chunk_id) ?? "",
        ...trace.models.map((model) => row.ranks?.[model]),
        row.fused,
        row.reranked,
        ...scores.map((name) => row[name]),
        OUTCOMES[row.outcome] ?? row.outcome,
      ]);
      fold.append(table("Passages, and their place in each ranking (1 is best)", heads, rows));
    }
    const stages = Object.entries(trace.milliseconds ?? {}).map(([stage, spent]) => [STAGES[stage] ?? stage, spent.toFixed(1)]);
    if (stages.length) fold.append(table("Time", [["Step", "name"], ["Milliseconds", "number"]], stages));
    return fold.children.length > 1 ? fold : "";
  };

  const fill = async (fold) => {
    if (fold.dataset.state) return; // is being asked for, or is there
    fold.dataset.state = "asked";
    const told = element("div", "told", "Looking it up …");
    told.setAttribute("role", "status");
    fold.append(told);
    const { body: trace, sentence } = await window.aim.exchange(`/messages/${encodeURIComponent(fold.id.slice("why-".length))}/trace`, { lost: LOST });
    if (sentence || !trace) {
      told.textContent = sentence || LOST;
      fold.addEventListener("toggle", () => (told.remove(), delete fold.dataset.state), { once: true });
      return;
    }
    const list = element("ul");
    for (const line of words(trace)) list.append(element("li", "", line));
    told.removeAttribute("role");
    told.replaceChildren(list, numbers(trace));
  };

  // `toggle` does not bubble, yet comes by on its way down.
  addEventListener("toggle", (event) => event.target.matches?.("details.why[id]") && event.target.open && fill(event.target), true);
})();
