// Days as people read them, and the strip of what is due: open steps of plans, and dates that were confirmed.
(() => {
  const { api, make, button, count } = window.aim.people;
  const DAY_MS = 86_400_000;
  const AHEAD = 60; // days
  const SHOWN = 4; // a row of them at a desk

  const format = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  const DAY = format({ day: "numeric", month: "short", year: "numeric" });
  const MONTH = format({ month: "long", year: "numeric" });

  // Days are "2027-02-20" throughout: a day has no hour, and no zone may move it.
  const at = (iso) => Date.parse(`${iso}T00:00:00Z`);
  const pad = (number) => String(number).padStart(2, "0");
  const today = () => {
    const now = new Date();
    return `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
  };
  const between = (from, to) => Math.round((at(to) - at(from)) / DAY_MS);
  const shift = (iso, days) => new Date(at(iso) + days * DAY_MS).toISOString().slice(0, 10);
  const left = (days) => {
    if (days < 0) return `${count(-days, "day")} ago`;
    if (days > 730) return `in about ${Math.round(days / 365.25)} years`;
    if (days > 180) return `in about ${Math.round(days / 30.44)} months`;
    return days === 0 ? "today" : days === 1 ? "tomorrow" : `in ${days} days`;
  };
  const calendar = {
    today,
    between,
    shift,
    left,
    words: (iso) => DAY.format(at(iso)),
    month: (iso) => MONTH.format(at(iso)),
    until: (iso) => left(between(today(), iso)),
  };

  // Everything that shows plans or deadlines hears it.
  const changed = (by = null) => dispatchEvent(new CustomEvent("aim:plans", { detail: by }));

  // Opens the page that a source, a clause or a date stands on.
  const openPage = (source) =>
    window.aim.view({
      document: source.document_id,
      page: source.page ?? 1,
      chunks: source.chunk_id ? [source.chunk_id] : [],
      start: source.start,
      end: source.end,
      title: source.title,
    });
  const pageButton = (source, title) => button(source.page ? `Open page ${source.page}` : "Open", title ? `of ${title}` : "", () => openPage(source), "link");

  const number = (item) => {
    if (item.days_left === 0) return ["Today", ""];
    const days = Math.abs(item.days_left);
    return [String(days), `${days === 1 ? "day" : "days"} ${item.overdue ? "late" : "left"}`];
  };

  const card = (item, done) => {
    const [big, small] = number(item);
    const place = item.kind === "step" ? `#plan=${encodeURIComponent(item.plan_id)}&step=${encodeURIComponent(item.id)}` : "#dates-panel";
    const title = make("a", { class: "title", href: `/app/plans${place}` }, item.title);
    const line = make("span", { class: "facts" }, [calendar.words(item.day), item.plan_title].filter(Boolean).join(" · "));
    const actions = make("div", { class: "acts" });
    if (item.kind === "step")
      actions.append(
        button("Done", item.title, async (pressed) => {
          pressed.disabled = true;
          const answer = await api("PATCH", `/plans/${encodeURIComponent(item.plan_id)}/steps/${encodeURIComponent(item.id)}`, { status: "done" });
          pressed.disabled = false;
          done(answer.ok, answer.ok ? `Done: ${item.title}.` : answer.sentence);
        }, "link"),
      );
    else if (item.document_id) actions.append(pageButton({ ...item, title: undefined }, item.title));
    return make(
      "li",
      { class: item.overdue ? "overdue" : null },
      make("span", { class: "left" }, make("strong", {}, big), small && make("span", {}, ` ${small}`)),
      make("div", { class: "what" }, title, line, item.rule ? make("span", { class: "facts" }, item.rule) : "", actions),
    );
  };

  const deadlineStrip = (element) => {
    const part = (selector) => element.querySelector(selector);
    let all = false;
    const draw = async (words = "") => {
      const found = await api("GET", `/deadlines?days=${AHEAD}`);
      part(".deadlines")?.removeAttribute("aria-busy");
      const [list, none, more, summary] = ["ol", ".none", ".more", ".top .facts"].map(part);
      if (!list) return;
      if (!found.ok) {
        summary.textContent = found.sentence;
        return;
      }
      const { items, overdue } = found.body;
      summary.textContent = words || (overdue ? `${overdue} overdue` : "");
      list.replaceChildren(...(all ? items : items.slice(0, SHOWN)).map((item) => card(item, done)));
      list.hidden = !items.length;
      none.hidden = Boolean(items.length);
      none.replaceChildren(`Nothing is due in the next ${AHEAD} days. Steps of your plans and dates you confirm show here. `, make("a", { href: "/app/plans#new" }, "Make a plan"));
      more.hidden = items.length <= SHOWN;
      more.textContent = all ? "Show fewer" : `Show all ${items.length}`;
      more.setAttribute("aria-expanded", String(all));
    };
    const done = async (well, words) => {
      await draw(words);
      part("ol a, .more")?.focus({ preventScroll: true });
      if (well) changed(element);
    };
    part(".more").addEventListener("click", () => {
      all = !all;
      draw();
    });
    addEventListener("aim:plans", (event) => element.isConnected && event.detail !== element && draw());
    draw();
  };

  Object.assign(window.aim, { calendar, deadlineStrip, planChanged: changed, openPage, pageButton });
})();
