// The sign-in pages without a page load: passwords shown while they are typed, what is wrong said beside its field.
(() => {
  const form = document.querySelector("form");
  // Whoever was signed in here before: what a tab remembered of them goes.
  try {
    sessionStorage.removeItem("aim.who");
  } catch {
    // Storage is shut in this browser: then nothing was remembered.
  }
  if (!form) return;
  const { email, password } = form.elements;
  const shortest = Number(password.getAttribute("minlength")) || 0;

  const show = form.querySelector(".show");
  const reveal = (shown) => {
    password.type = shown ? "text" : "password";
    show.setAttribute("aria-pressed", String(shown));
    show.firstChild.textContent = shown ? "Hide" : "Show";
  };
  show.hidden = false;
  show.addEventListener("click", () => {
    reveal(password.type === "password");
    password.focus();
  });

  const say = (field, words) => {
    const place = document.getElementById(`${field.id}-wrong`);
    place.hidden = !words;
    place.setAttribute("role", "alert"); // before the words, so that they are read out
    place.textContent = words;
    if (words) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  };

  const wrong = {
    email: () => {
      if (!email.value.trim()) return "Type your e-mail address.";
      return email.validity.typeMismatch ? "This is no e-mail address; one looks like name@example.com." : "";
    },
    password: () => {
      if (!password.value) return shortest ? "Choose a password." : "Type your password.";
      const left = shortest - [...password.value].length;
      return left > 0 ? `Choose at least ${shortest} characters; ${left} more.` : "";
    },
  };

  form.noValidate = true;
  form.addEventListener("submit", (event) => {
    const fields = [email, password];
    for (const field of fields) say(field, wrong[field.id]());
    const first = fields.find((field) => field.hasAttribute("aria-invalid"));
    if (first) {
      event.preventDefault();
      first.focus();
    } else reveal(false); // password managers keep what stands in a field of this type
  });
  for (const field of [email, password])
    field.addEventListener("input", () => field.hasAttribute("aria-invalid") && !wrong[field.id]() && say(field, ""));

  // A word about a new password; whether it may be chosen, the server decides.
  const strength = document.getElementById("strength");
  if (strength)
    password.addEventListener("input", () => {
      const typed = [...password.value];
      const plain = new Set(typed).size < 6 || /^\d+$/.test(password.value);
      const words = !typed.length || typed.length < shortest ? "" : plain ? "Easy to guess." : typed.length < 18 ? "Good." : "Strong.";
      if (strength.textContent !== words) strength.textContent = words;
    });
})();
