// Rows: the table of examples, which shows a page of those that the filters let through.
const PLACED = COLUMNS.filter((column) => column.name === "example" || rows.some((row) => ![null, undefined].includes(column.value(row))));
const PAGE = 50;
// So many milliseconds a letter waits for texts to be read; the rest is searched once they are.
const PATIENCE = 30;

const table = {
  sort: { column: FIRST, down: false },
  from: 0,
  found: rows,
  chosen: new Map(),
  // Whether the search has texts still to be read.
  unread: false,
};

function compare(one, other) {
  if (one === other) return 0;
  // What has no value could not be told, and comes first where the worst does.
  if (one === null || one === undefined) return -1;
  if (other === null || other === undefined) return 1;
  return one < other ? -1 : 1;
}

function sorted(found) {
  const { column, down } = table.sort;
  const value = PLACED.find((each) => each.name === column)?.value ?? WORST;
  return found.sort((one, other) => (down ? -1 : 1) * compare(value(one), value(other)) || tie(one, other) || one.place - other.place);
}

function filter() {
  const sought = fold(at("search").value.trim());
  const chosen = FILTERS.filter((each) => table.chosen.has(each.name)).map((each) => [each.of, table.chosen.get(each.name)]);
  const until = performance.now() + PATIENCE;
  table.unread = false;
  const holds = (place) => {
    const ready = kept[place] !== undefined || performance.now() < until;
    table.unread ||= !ready;
    return ready && folded(place).includes(sought);
  };
  table.found = sorted(rows.filter((row) => chosen.every(([of, choice]) => of(row).includes(choice)) && (sought === "" || holds(row.place))));
  table.from = 0;
  draw();
}

function draw() {
  const { found, from } = table;
  const page = found.slice(from, from + PAGE);
  at("body").replaceChildren(...page.map(line));
  const plural = rows.length === 1 ? "example" : "examples";
  at("count").textContent = (found.length === rows.length ? `${rows.length} ${plural}` : `${found.length} of ${rows.length} ${plural}`) + (table.unread ? " so far" : "");
  at("place").textContent = found.length ? `${from + 1} to ${from + page.length} of ${found.length}` : "none";
  at("earlier").disabled = from === 0;
  at("later").disabled = from + PAGE >= found.length;
  at("pages").hidden = found.length <= PAGE;
  at("sort").value = `${table.sort.column} ${table.sort.down ? "down" : "up"}`;
  for (const head of at("heads").children) {
    const own = head.dataset.column === table.sort.column;
    if (own) head.setAttribute("aria-sort", table.sort.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

const addressOf = (row) => `#${encodeURIComponent(row.link)}`;

function line(row) {
  return make("tr", null, ...PLACED.map((column) => {
    if (column.name === "example") return make("th", { scope: "row" }, make("a", { href: addressOf(row) }, ...shown(row.link)));
    return make("td", { class: `${column.number ? "number" : ""} ${column.least ? "least" : ""}`, "data-label": column.name }, column.cell(row));
  }));
}

function turn(pages) {
  table.from = Math.max(0, table.from + pages * PAGE);
  draw();
  at("table").scrollIntoView({ block: "start" });
}

function sortBy(column, down) {
  table.sort = { column, down };
  table.found = sorted(table.found);
  table.from = 0;
  draw();
}

// A small screen has no room for heads.
function sorting() {
  const option = (column, way, sign) => {
    const made = make("option", null, `${column.name} ${sign}`);
    made.value = `${column.name} ${way}`;
    return made;
  };
  const select = make("select", { id: "sort" }, ...PLACED.flatMap((column) => [option(column, "up", "▲"), option(column, "down", "▼")]));
  select.addEventListener("change", () => sortBy(...select.value.split(" ").map((word, i) => (i ? word === "down" : word))));
  return make("label", { class: "narrow" }, "sort", select);
}

function prepare() {
  at("heads").append(...PLACED.map((column) => {
    const sort = make("button", { type: "button" }, column.name);
    sort.addEventListener("click", () => sortBy(column.name, table.sort.column === column.name && !table.sort.down));
    return make("th", { scope: "col", "data-column": column.name, class: `${column.number ? "number" : ""} ${column.least ? "least" : ""}` }, sort);
  }));
  for (const each of FILTERS) {
    const counts = new Map();
    for (const row of rows) for (const choice of each.of(row)) counts.set(choice, (counts.get(choice) ?? 0) + 1);
    if (counts.size < 2) continue;
    const select = make("select", { "data-filter": each.name }, make("option", { value: "" }, "all"),
      ...[...counts.keys()].sort().map((choice) => {
        const option = make("option", null, `${choice} (${counts.get(choice)})`);
        option.value = choice;
        return option;
      }));
    select.addEventListener("change", () => {
      if (select.selectedIndex === 0) table.chosen.delete(each.name);
      else table.chosen.set(each.name, select.value);
      filter();
    });
    at("choices").append(make("label", null, each.name, select));
  }
  at("choices").append(sorting());
  at("search").addEventListener("input", filter);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("reset", () => {
    table.chosen.clear();
    setTimeout(filter);
  });
  at("earlier").addEventListener("click", () => turn(-1));
  at("later").addEventListener("click", () => turn(1));
  at("body").addEventListener("click", (event) => {
    const link = event.target.closest("tr")?.querySelector("a");
    if (link && !event.target.closest("a") && String(getSelection()) === "") link.click();
  });
  at("filters").hidden = at("table").hidden = false;
  // What could not be read is known only after all that could.
  if (at("unread") !== null) at("filters").before(at("unread"));
}

// Reads the texts ahead for the search, a little at a time, so that nothing else has to wait.
function readAhead(place = 0) {
  const until = performance.now() + 10;
  while (place < rows.length && performance.now() < until) folded(place++);
  if (place < rows.length) return setTimeout(readAhead, 0, place);
  document.documentElement.dataset.read = "all";
  if (table.unread) filter();
}
