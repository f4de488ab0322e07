// What the chat proposes to change in a plan, one by one: on the plan's page, and under the answer that proposed it.
(() => {
  const { make, button } = window.aim.people;

  const proposalRow = (one, accept, decline, look = "plain") =>
    make(
      "li",
      { class: "person proposal", "data-proposal": one.id },
      make("div", { class: "what" }, make("span", { class: "title" }, one.text), one.reason ? make("span", { class: "facts" }, one.reason) : ""),
      make("div", { class: "actions" }, button("Accept", one.text, accept, look), button("Decline", one.text, decline, look)),
    );

  Object.assign(window.aim, { proposalRow });
})();
