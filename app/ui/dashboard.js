// A link to a conversation: the chat page opens the one that this browser tab remembers; an empty id is a new one.
(() => {
  const CONVERSATION = "aim.conversation"; // as chat.js has it

  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-conversation]");
    if (link?.dataset.conversation) sessionStorage.setItem(CONVERSATION, link.dataset.conversation);
    else if (link) sessionStorage.removeItem(CONVERSATION);
  });

  // The plot says in words what it shows; Gradio draws it anew at will.
  const describe = () => {
    const words = document.querySelector("#days .summary")?.textContent;
    for (const picture of document.querySelectorAll("#plot svg, #plot canvas")) {
      if (!words || picture.getAttribute("aria-label") === words) continue;
      picture.setAttribute("role", "img");
      picture.setAttribute("aria-label", words);
    }
  };
  // Times come in UTC; whoever looks lives elsewhere.
  const WRITTEN = { day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
  const localise = () => {
    for (const time of document.querySelectorAll("#recent-conversations time")) {
      const words = new Intl.DateTimeFormat("en-GB", WRITTEN).format(new Date(time.dateTime));
      if (time.textContent !== words) time.textContent = words;
    }
  };

  const mend = () => {
    describe();
    localise();
  };
  new MutationObserver(mend).observe(document.documentElement, { childList: true, subtree: true });
})();
