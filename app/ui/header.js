// The bar on top: the menu of a phone, the way past the bar, the pages for admins, and who is signed in.
(() => {
  const ROLE = "aim.who"; // the role alone, asked once per tab: no address stays in a browser's storage
  let asked = null;

  // Resolves with {id, email, role, password, created} or null; asked once per page.
  const who = () =>
    (asked ??= fetch("/api/account")
      .then((answer) => (answer.ok ? answer.json() : null))
      .catch(() => null)
      .then((told) => {
        if (told) sessionStorage.setItem(ROLE, told.role);
        else asked = null;
        return told;
      }));
  const role = async () => sessionStorage.getItem(ROLE) ?? (await who())?.role;
  const forget = () => sessionStorage.removeItem(ROLE);

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
    // What an admin may see, the server decides at every request.
    if ((await role()) !== "admin") return;
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
