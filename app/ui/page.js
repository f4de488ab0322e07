// What every page needs: black whatever the system prefers, the way back to signing in, names for Gradio's own controls.
(() => {
  const CONVERSATION = "aim.conversation"; // an id; whose it is, the server decides
  const PHONE = 768; // px; below, Gradio's sidebar covers the page

  const toSignIn = () => location.assign("/login?next=" + encodeURIComponent(location.pathname));

  // A session that ended elsewhere: Gradio would only say that something went wrong.
  const fetched = window.fetch;
  window.fetch = async (...asked) => {
    // After a stop Gradio also calls a route that does nothing in this version and is shut here.
    if (String(asked[0]?.url ?? asked[0]).endsWith("/gradio_api/reset")) return new Response("{}");
    const answer = await fetched(...asked);
    if (answer.status === 401 && new URL(answer.url, location.href).origin === location.origin) toSignIn();
    return answer;
  };

  const name = (element, words) => {
    if (element && !element.getAttribute("aria-label")) element.setAttribute("aria-label", words);
  };

  const mend = () => {
    document.body.classList.add("dark");
    name(document.querySelector("#question textarea"), "Your question");
    name(document.querySelector("#conversations"), "Conversations");
    for (const button of document.querySelectorAll(".gradio-container button:not([aria-label])"))
      if (!button.textContent.trim()) name(button, button.title || "Scroll to the newest message");
    for (const button of document.querySelectorAll("button.label-wrap")) button.setAttribute("aria-expanded", button.classList.contains("open"));
    // Gradio's label of a message holds its markup; without it the text itself is read out.
    for (const message of document.querySelectorAll("#chat [data-testid][aria-label]")) message.removeAttribute("aria-label");
  };

  // Gradio opens its sidebar after the page is there, over the whole of a small screen: closed again until somebody acts.
  const SETTLED_MS = 4000;
  let acted = false;
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, (event) => (acted ||= event.isTrusted), true);
  const closeSide = () => {
    if (innerWidth < PHONE) document.querySelector(".sidebar.open .toggle-button")?.click();
  };
  const closing = setInterval(() => (acted || performance.now() > SETTLED_MS ? clearInterval(closing) : closeSide()), 50);
  addEventListener("click", (event) => {
    if (event.isTrusted && event.target.closest("#new, #conversations label")) closeSide();
  });

  // A <dialog> keeps the focus inside and gives it back; the answer is true only for its own button.
  const confirmed = (question, word) =>
    new Promise((resolve) => {
      const dialog = document.createElement("dialog");
      dialog.className = "sure";
      dialog.innerHTML = '<form method="dialog"><p></p><div><button value="no">Keep it</button><button value="yes"></button></div></form>';
      dialog.querySelector("p").textContent = question;
      dialog.querySelector("[value=yes]").textContent = word;
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(dialog.returnValue === "yes");
      });
      document.querySelector(".gradio-container").append(dialog);
      dialog.showModal();
    });

  // The list of documents: its buttons act through Gradio, and keep the focus when the list is drawn anew.
  const documents = (element, trigger) => {
    let focused = null;
    element.addEventListener("focusin", (event) => (focused = event.target.dataset.id ? { ...event.target.dataset } : focused));
    element.addEventListener("focusout", (event) => event.relatedTarget && (focused = null));
    new MutationObserver(() => {
      if (!focused || document.activeElement !== document.body) return;
      element.querySelector(`[data-id="${CSS.escape(focused.id)}"][data-action="${CSS.escape(focused.action)}"]`)?.focus();
    }).observe(element, { childList: true, subtree: true });
    element.addEventListener("click", async (event) => {
      const button = event.target.closest("button[data-action]");
      if (!button) return;
      const { action, id, title } = button.dataset;
      if (action === "replace") return replace(button);
      if (action === "download") return location.assign(`/api/documents/${encodeURIComponent(id)}/file`);
      if (action === "delete" && !(await confirmed(`Delete “${title}” for good?`, "Delete"))) return;
      trigger("click", { action, id });
    });
    element.addEventListener("change", async (event) => {
      const { action, id } = event.target.dataset;
      if (action !== "standing") return;
      await changed(event.target, id, { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ standing: event.target.value }) });
    });

    // Sends a change to the REST API; a refusal is said beside the document it is about.
    const changed = async (control, id, request, path = "") => {
      const place = control.closest("li");
      const answer = await fetch(`/api/documents/${encodeURIComponent(id)}${path}`, request).catch(() => null);
      if (answer?.status === 401) toSignIn();
      if (answer?.ok) return trigger("click", { action: "look", id });
      const told = (await answer?.json().catch(() => null))?.detail ?? "The server did not answer; try again.";
      const line = place.querySelector(".refused") ?? place.querySelector(".what").appendChild(document.createElement("span"));
      line.className = "reason refused";
      line.setAttribute("role", "alert");
      line.textContent = told;
    };

    const replace = (button) => {
      const chooser = document.createElement("input");
      chooser.type = "file";
      chooser.accept = button.closest("ul").dataset.kinds;
      chooser.addEventListener("change", () => {
        const form = new FormData();
        form.append("file", chooser.files[0]);
        button.disabled = true;
        changed(button, button.dataset.id, { method: "PUT", body: form }, "/file").finally(() => (button.disabled = false));
      });
      chooser.click();
    };
  };

  const remember = (id) => {
    if (id) sessionStorage.setItem(CONVERSATION, id);
    else sessionStorage.removeItem(CONVERSATION);
    return [];
  };

  window.aim = { documents, confirmed, remember, remembered: () => sessionStorage.getItem(CONVERSATION), toSignIn };

  let mending = false;
  new MutationObserver(() => {
    if (mending) return;
    mending = true;
    requestAnimationFrame(() => {
      mending = false;
      mend();
    });
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-label", "class"] });
  mend();
})();
