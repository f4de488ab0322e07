// Papers worth adding for the user's role, which of them are there, and in the guided start what to bring.
(() => {
  const { api, make, button } = window.aim.people;
  const HIDDEN = "aim.worth-hidden"; // of this browser; says nothing about anybody
  const NEXT = 3; // of what is missing, on the dashboard
  const SETTLED_MS = 600; // after the list of documents changed

  const away = () => {
    try {
      return localStorage.getItem(HIDDEN) === "1";
    } catch {
      return false;
    }
  };

  const line = (paper) =>
    make(
      "li",
      { class: paper.there ? "done" : null },
      make("span", { class: "title" }, paper.title, paper.there ? make("span", { class: "unseen" }, ", there already") : ""),
      paper.there ? "" : make("span", { class: "facts" }, paper.why),
    );

  const heading = (role) => (role.name ? `Worth adding for ${/^[aeiou]/i.test(role.title) ? "an" : "a"} ${role.title.toLowerCase()}` : "Worth adding");

  const onDashboard = (place, role) => {
    const missing = role.documents.filter((paper) => !paper.there);
    place.hidden = !missing.length || away();
    if (place.hidden) return place.replaceChildren();
    const hide = button("Hide", "papers worth adding", () => {
      try {
        localStorage.setItem(HIDDEN, "1");
      } catch {
        // kept until the page is left
      }
      place.hidden = true;
    });
    const top = make("div", { class: "top" }, make("h2", {}, heading(role)), hide);
    place.replaceChildren(top, make("ul", {}, ...missing.slice(0, NEXT).map(line)), make("a", { href: "/app/knowledge" }, "Add a document"));
  };

  // Open as long as nothing is there; then a line that can be opened, until all are.
  const onKnowledge = (place, role, documents) => {
    const missing = role.documents.filter((paper) => !paper.there).length;
    place.hidden = !missing;
    if (place.hidden) return place.replaceChildren();
    const papers = make("ul", {}, ...role.documents.map(line));
    if (!documents) return place.replaceChildren(make("h2", {}, heading(role)), papers);
    const open = place.querySelector("details")?.open;
    const more = make("details", open ? { open: "" } : {}, make("summary", {}, `${heading(role)}: ${missing} more`), papers);
    place.replaceChildren(more);
  };

  const draw = async (element) => {
    const place = element.querySelector(".worth");
    if (!place) return;
    const [role, totals] = await Promise.all([api("GET", "/profile/role"), api("GET", "/documents/totals")]);
    if (!role.ok || !totals.ok) return;
    if (place.dataset.place === "dashboard") onDashboard(place, role.body);
    else onKnowledge(place, role.body, totals.body.documents);
  };

  const worth = (element) => {
    draw(element);
    if (element.querySelector(".worth")?.dataset.place !== "knowledge") return;
    // The list of one's documents is drawn by its own script: a new row, or one less, may change what is missing.
    let rows = null;
    let timer = 0;
    new MutationObserver(() => {
      const now = document.querySelectorAll("#own .documents > li").length;
      if (now === rows) return;
      const first = rows === null;
      rows = now;
      clearTimeout(timer);
      if (!first) timer = setTimeout(() => draw(element), SETTLED_MS);
    }).observe(document.body, { childList: true, subtree: true });
  };

  // In the guided start, before the samples: what somebody of this role has in a drawer.
  const whatToBring = async (place) => {
    const role = await api("GET", "/profile/role");
    if (!role.ok || !place) return;
    const missing = role.body.documents.filter((paper) => !paper.there).slice(0, NEXT);
    place.hidden = !missing.length;
    place.replaceChildren(make("p", { class: "lead" }, `${heading(role.body)}:`), make("ul", {}, ...missing.map(line)));
  };

  Object.assign(window.aim, { worth, whatToBring });
})();
