// What every page needs: black whatever the system prefers, the way back to signing in, names for Gradio's own controls.
(() => {
  const PHONE = 768; // px; below, Gradio's sidebar covers the page

  const toSignIn = () => location.assign("/login?next=" + encodeURIComponent(location.pathname));

  // Gradio aborts its stream of events when it has ended and when the page is left. Where that finds the stream being read, it
  // takes its own abort for an error, writes it to the console and tells the page of a lost connection: here it just ends.
  const endsQuietly = (answer, signal) => {
    const reader = answer.body.getReader();
    const ended = (error) => {
      if (signal.aborted) return { done: true };
      throw error;
    };
    const pull = async (parts) => {
      const { done, value } = await reader.read().catch(ended);
      if (done) parts.close();
      else parts.enqueue(value);
    };
    return new Response(new ReadableStream({ pull, cancel: () => reader.cancel().catch(ended) }), answer);
  };

  // A session that ended elsewhere: Gradio would only say that something went wrong.
  const fetched = window.fetch;
  window.fetch = async (...asked) => {
    // After a stop Gradio also calls a route that does nothing in this version and is shut here.
    if (String(asked[0]?.url ?? asked[0]).endsWith("/gradio_api/reset")) return new Response("{}");
    const answer = await fetched(...asked);
    if (answer.status === 401 && new URL(answer.url, location.href).origin === location.origin) toSignIn();
    if (asked[0] instanceof Request && answer.ok && answer.url.includes("/gradio_api/queue/data?")) return endsQuietly(answer, asked[0].signal);
    return answer;
  };

  const name = (element, words) => {
    if (element && !element.getAttribute("aria-label")) element.setAttribute("aria-label", words);
  };

  const mend = () => {
    // Adding a class that is there counts as a change, which the observer below would mend again, every frame for ever.
    if (!document.body.classList.contains("dark")) document.body.classList.add("dark");
    // Gradio calls every page by the application's name: tabs, history and bookmarks would all read the same.
    const here = document.querySelector("#header .here")?.textContent;
    if (here && document.title === "AI Manager") document.title = `${here} · AI Manager`;
    name(document.querySelector("#question textarea"), "Your question");
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
    if (event.isTrusted && event.target.closest("#new, #conversations [data-action=open]")) closeSide();
  });

  window.aim = { toSignIn };

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
