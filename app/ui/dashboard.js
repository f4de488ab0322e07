// A link to a conversation: the chat page opens the one that this browser tab remembers; an empty id is a new one.
(() => {
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-conversation]");
    if (link) window.aim.remember(link.dataset.conversation);
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
  new MutationObserver(describe).observe(document.documentElement, { childList: true, subtree: true });
})();
