// Keys: those of one letter, which can be turned off; the theme; and what begins when the page is there.
function nextTheme() {
  const now = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  return now === "dark" ? "light" : "dark";
}

function setTheme(theme) {
  if (theme !== null) document.documentElement.dataset.theme = theme;
  at("theme").textContent = nextTheme() === "dark" ? "Dark" : "Light";
}

// A browser may refuse a page of one's own disk to remember anything.
function remembered(theme) {
  try {
    if (theme) localStorage.setItem("papillon-theme", theme);
    const kept = localStorage.getItem("papillon-theme");
    return ["dark", "light"].includes(kept) ? kept : null;
  } catch {
    return theme ?? null;
  }
}

function turnTheme() {
  const theme = nextTheme();
  remembered(theme);
  setTheme(theme);
}

function step(by) {
  if (!at("example").hidden) {
    const to = neighbour(list.focus, by);
    if (to !== undefined) location.hash = addressOf(to);
    return;
  }
  const focused = at("body").contains(document.activeElement) ? [...at("body").children].indexOf(document.activeElement.closest("tr")) + table.from : null;
  const to = table.found[focused === null ? table.from : focused + by];
  if (to !== undefined) focusOn(to);
}

const KEYS = {
  "/": () => {
    if (!at("example").hidden) location.hash = "#part-examples";
    setTimeout(() => at("search").focus());
  },
  j: () => step(1),
  k: () => step(-1),
  t: turnTheme,
  "?": () => {
    at("keys").open = true;
    at("keys").querySelector("summary").focus();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.closest?.("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape") {
    if (event.target === at("search") && at("search").value !== "") {
      at("search").value = "";
      filter();
    } else if (!at("example").hidden) location.hash = "#part-examples";
    return;
  }
  if (typing || !at("keys-on").checked || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

at("theme").addEventListener("click", turnTheme);
at("theme").hidden = false;
setTheme(remembered());
prepare();
filter();
addEventListener("hashchange", go);
go();
setTimeout(readAhead, 50);
