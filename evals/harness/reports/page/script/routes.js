// Routes: which example the address names, on load and with back and forward.
const links = new Map(rows.map((row) => [row.link, row]));
const list = { at: 0, focus: null };
const title = document.title;

// By its link, by its id alone, or by a beginning of one id only.
function named(name) {
  if (name === "") return undefined;
  const whole = links.get(name) ?? rows.find((row) => row.id === name);
  if (whole !== undefined || name.startsWith("part-")) return whole;
  const ids = new Set(rows.filter((row) => row.id.startsWith(name)).map((row) => row.id));
  return ids.size === 1 ? rows.find((row) => ids.has(row.id)) : undefined;
}

function go() {
  let name = location.hash.slice(1);
  try {
    name = decodeURIComponent(name);
  } catch {
    // Not of our making: taken as it is.
  }
  const row = named(name);
  if (row === undefined) back(name);
  else open(row);
}

function open(row) {
  if (at("example").hidden) list.at = scrollY;
  list.focus = row;
  at("example").replaceChildren(steps(row), ...opened(row).filter((child) => child !== null));
  at("overview").hidden = true;
  at("example").hidden = false;
  document.title = `${row.link} · ${title}`;
  scrollTo(0, 0);
  at("example-name").focus({ preventScroll: true });
  highlight();
}

function back(name) {
  if (at("example").hidden) return;
  at("example").hidden = true;
  at("example").replaceChildren();
  at("overview").hidden = false;
  document.title = title;
  const part = name.startsWith("part-") && name !== "part-examples" ? at(name) : null;
  if (part !== null) return part.scrollIntoView();
  scrollTo(0, list.at);
  focusOn(list.focus);
}

// The link of a row in the table, on another of its pages if need be.
function focusOn(row) {
  const place = table.found.indexOf(row);
  if (place < 0) return;
  if (place < table.from || place >= table.from + PAGE) {
    table.from = place - (place % PAGE);
    draw();
  }
  at("body").children[place - table.from].querySelector("a").focus();
}

function neighbour(row, step) {
  const place = table.found.indexOf(row);
  return place < 0 ? table.found[0] : table.found[place + step];
}

function steps(row) {
  const place = table.found.indexOf(row);
  const link = (to, word) => (to === undefined ? make("span", { class: "soft" }, word) : make("a", { href: addressOf(to) }, word));
  return make("nav", { class: "steps", "aria-label": "Examples" }, make("a", { href: "#part-examples" }, "← All examples"), make("span", { class: "gap" }),
    link(neighbour(row, -1), "Previous"), make("span", { class: "soft" }, place < 0 ? "not among those found" : `${place + 1} of ${table.found.length}`), link(neighbour(row, 1), "Next"));
}

// Marks what was searched for in the opened texts, without a change to them.
function highlight() {
  const sought = at("search").value.trim().toLowerCase();
  if (!("highlights" in CSS)) return;
  CSS.highlights.delete("found");
  if (sought === "") return;
  const ranges = [];
  const walk = document.createTreeWalker(at("example"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.data.toLowerCase();
    if (text.length !== walk.currentNode.data.length) continue;
    for (let i = text.indexOf(sought); i >= 0; i = text.indexOf(sought, i + sought.length)) {
      const range = new Range();
      range.setStart(walk.currentNode, i);
      range.setEnd(walk.currentNode, i + sought.length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}
