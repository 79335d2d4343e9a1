// What makes the pages nicer. Each of them works without it.

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-toggle-theme]");
  if (button) {
    const theme = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    document.documentElement.dataset.bsTheme = theme;
    localStorage.setItem("theme", theme);
  }
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// <button data-copy="#id">: copies the text of that element.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
  button.dataset.copied = "";
  setTimeout(() => delete button.dataset.copied, 2000);
});

// <input type="checkbox" data-check-all="name">: checks every box of that name in its form.
document.addEventListener("change", (event) => {
  const name = event.target.dataset.checkAll;
  if (name) for (const box of event.target.form.querySelectorAll(`[name="${name}"]`)) box.checked = event.target.checked;
});

// <select data-submit>: choosing is submitting. With the arrow keys one only passes by: Enter or Tab chooses.
let passing = null;
document.addEventListener("keydown", (event) => {
  if (!event.target.matches("[data-submit]")) return;
  if (event.key === "Enter" && passing === event.target) {
    event.preventDefault();
    passing = null;
    event.target.form.requestSubmit();
  } else event.target.dataset.key = event.altKey ? " " : event.key; // Space, or Alt with an arrow, opens the list
});
document.addEventListener("pointerdown", (event) => {
  if (event.target.matches("[data-submit]")) delete event.target.dataset.key;
});
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-submit]")) return;
  if ([undefined, " ", "Enter"].includes(event.target.dataset.key)) event.target.form.requestSubmit();
  else passing = event.target;
});
document.addEventListener("focusout", (event) => {
  if (passing !== event.target) return;
  passing = null;
  event.target.form.requestSubmit();
});

// A session that has ended while a page was open: sign in, and come back to it.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (new URL(event.detail.xhr.responseURL).pathname === "/login/") {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// On a narrow screen, the menu and the tabs begin where one is.
// The page itself stays at its top.
for (const here of document.querySelectorAll(".main-menu .active, .tabs-scroll .active")) {
  const strip = here.closest(".main-menu .container-xl, .tabs-scroll");
  const [mine, all] = [here, strip].map((one) => one.getBoundingClientRect());
  strip.scrollLeft += mine.left + mine.width / 2 - all.left - all.width / 2;
}
