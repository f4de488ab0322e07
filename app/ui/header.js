// The bar on top: the menu of a phone, the way past the bar, the pages for admins, and who is signed in.
(() => {
  const WHO = "aim.who"; // {email, role}, asked once per tab; what may be seen, the server decides at every request

  // Resolves with {id, email, role, password, created} or null.
  const who = async () => {
    try {
      const kept = JSON.parse(sessionStorage.getItem(WHO));
      if (kept?.id) return kept;
    } catch {
      // Nothing kept, or nothing that can be read: asked again.
    }
    const answer = await fetch("/api/account").catch(() => null);
    if (!answer?.ok) return null;
    const told = await answer.json();
    sessionStorage.setItem(WHO, JSON.stringify(told));
    return told;
  };
  const forget = () => sessionStorage.removeItem(WHO);

  const bar = () => document.querySelector("#header .bar");
  const menu = () => document.querySelector("#header button.menu");

  const open = (wanted, focus = false) => {
    if (!menu()) return;
    menu().setAttribute("aria-expanded", String(wanted));
    bar().classList.toggle("open", wanted);
    if (!wanted && focus) menu().focus();
  };
  const isOpen = () => menu()?.getAttribute("aria-expanded") === "true";

  addEventListener("click", (event) => {
    if (event.target.closest?.("#header button.menu")) return open(!isOpen());
    if (isOpen() && !event.target.closest?.("#header .pages")) open(false);
    if (event.target.closest?.("#header a.skip")) {
      event.preventDefault();
      const content = document.querySelector('.gradio-container [id$="-page"]');
      if (!content) return;
      content.setAttribute("tabindex", "-1");
      content.focus({ preventScroll: true });
      content.scrollIntoView({ block: "start" });
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) open(false, true);
  });
  addEventListener("focusin", (event) => {
    if (isOpen() && !event.target.closest?.("#header")) open(false);
  });
  addEventListener("submit", (event) => {
    if (event.target.closest?.("#header")) forget();
  });

  // Gradio draws the bar after the page has loaded.
  const settle = async () => {
    const told = await who();
    if (told?.role !== "admin") return;
    const show = () => {
      for (const link of document.querySelectorAll("#header [data-for=admin][hidden]")) link.hidden = false;
      return bar() !== null;
    };
    if (show()) return;
    const waiting = new MutationObserver(() => show() && waiting.disconnect());
    waiting.observe(document.documentElement, { childList: true, subtree: true });
  };

  Object.assign(window.aim, { who, forget, settleHeader: settle });
  settle();
})();
