// Filter, search, and opening what is linked to. The page reads without any of it.
(() => {
  const rows = [...document.querySelectorAll("details.row")];
  const buttons = [...document.querySelectorAll("[data-filter]")];
  const search = document.querySelector("input[type=search]");
  const openAll = document.querySelector("[data-open-all]");
  document.documentElement.classList.add("scripted");

  const show = () => {
    const wanted = buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.filter);
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = (!wanted.length || wanted.includes(row.dataset.verdict)) && words.every((w) => text.includes(w));
      row.hidden = !fits;
    }
    for (const area of document.querySelectorAll(".area")) {
      area.hidden = !area.querySelector("details.row:not([hidden])");
    }
    document.getElementById("nothing").hidden = rows.some((row) => !row.hidden);
  };

  const toggle = (button) => {
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    return pressed;
  };

  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    target.hidden = false;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView({ block: target.closest("svg") ? "center" : "start" });
  };

  for (const button of buttons) button.addEventListener("click", () => (toggle(button), show()));
  openAll.addEventListener("click", () => {
    const open = toggle(openAll);
    rows.forEach((row) => (row.open = open));
    openAll.textContent = open ? "close all" : "open all";
  });
  search.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
    if (event.key === "Escape" && document.activeElement === search) {
      search.value = "";
      show();
    }
  });
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => rows.forEach((row) => (row.open = true)));
  reveal();
})();
