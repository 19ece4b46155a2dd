// Rows: the table of examples, which shows a page of those that the filters let through.
const data = JSON.parse(at("rows").textContent);
const rows = data.rows.map((values, place) => Object.fromEntries([...data.fields.map((field, i) => [field, values[i]]), ["place", place]]));
const PAGE = 50;

const STATUS = { scored: null, program_error: "fail", infrastructure_error: "inconclusive" };
const statusWord = (row) => words(row.status);
const leaks = (row) => (row.leaked === null ? "–" : `${row.leaked} of ${row.units}`);

// The columns: what heads them, a row's value to sort by, and what stands in the cell.
const COLUMNS = [
  { name: "example", value: (row) => row.place, cell: (row) => row.link },
  { name: "status", value: (row) => row.status, cell: (row) => badge(STATUS[row.status], statusWord(row)) },
  { name: "quality", number: true, value: (row) => row.quality, cell: (row) => figure(row.quality, 2) },
  { name: "verdict", value: (row) => row.verdict, cell: (row) => row.verdict ?? "–" },
  { name: "leaked", number: true, value: (row) => row.leaked, cell: leaks },
  { name: "leakage", number: true, least: true, value: (row) => row.leakage, cell: (row) => figure(row.leakage, 2) },
  { name: "overall", number: true, value: (row) => row.overall, cell: (row) => figure(row.overall, 2) },
  { name: "carried", number: true, value: (row) => row.carried, cell: (row) => figure(row.carried, 2) },
  { name: "category", least: true, value: (row) => row.category, cell: (row) => (row.category === null ? "–" : make("bdi", null, ...shown(row.category))) },
  { name: "flipped", least: true, value: (row) => row.flip || null, cell: (row) => row.flip || "–" },
].filter((column) => column.name === "example" || rows.some((row) => ![null, undefined].includes(column.value(row))));

// The filters: what is chosen from, and which choice a row belongs to; a row may belong to several.
const FILTERS = [
  { name: "split", of: (row) => [row.split] },
  { name: "status", of: (row) => [statusWord(row)] },
  { name: "verdict", of: (row) => [row.verdict ?? "none"] },
  { name: "leaks", of: (row) => (row.leaked === null ? ["not known"] : [row.leaked ? "leaked" : "nothing leaked",
    ...(row.verbatim_leaked ? ["leaked verbatim"] : []), ...((row.judge_leaked ?? 0) < (row.verbatim_leaked ?? 0) ? ["judge overruled"] : [])]) },
  { name: "category", of: (row) => [row.category ?? "none"] },
  { name: "flipped", of: (row) => [row.flip || "not flipped"] },
];

const table = {
  sort: { column: "overall", down: false },
  from: 0,
  found: rows,
  chosen: new Map(),
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
  const value = (COLUMNS.find((each) => each.name === column) ?? COLUMNS[0]).value;
  const worse = column === "overall" ? (one, other) => (other.leakage ?? 0) - (one.leakage ?? 0) : () => 0;
  return found.sort((one, other) => (down ? -1 : 1) * compare(value(one), value(other)) || worse(one, other) || one.place - other.place);
}

function filter() {
  const sought = fold(at("search").value.trim());
  const chosen = FILTERS.filter((each) => table.chosen.has(each.name)).map((each) => [each.of, table.chosen.get(each.name)]);
  table.found = sorted(rows.filter((row) => chosen.every(([of, choice]) => of(row).includes(choice)) && (sought === "" || folded(row.place).includes(sought))));
  table.from = 0;
  draw();
}

function draw() {
  const { found, from } = table;
  const page = found.slice(from, from + PAGE);
  at("body").replaceChildren(...page.map(line));
  const plural = rows.length === 1 ? "example" : "examples";
  at("count").textContent = found.length === rows.length ? `${rows.length} ${plural}` : `${found.length} of ${rows.length} ${plural}`;
  at("place").textContent = found.length ? `${from + 1} to ${from + page.length} of ${found.length}` : "none";
  at("earlier").disabled = from === 0;
  at("later").disabled = from + PAGE >= found.length;
  at("pages").hidden = found.length <= PAGE;
  for (const head of at("heads").children) {
    const own = head.dataset.column === table.sort.column;
    if (own) head.setAttribute("aria-sort", table.sort.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

const addressOf = (row) => `#${encodeURIComponent(row.link)}`;

function line(row) {
  return make("tr", null, ...COLUMNS.map((column) => {
    if (column.name === "example") return make("th", { scope: "row" }, make("a", { href: addressOf(row) }, ...shown(row.link)));
    return make("td", { class: `${column.number ? "number" : ""} ${column.least ? "least" : ""}`, "data-label": column.name }, column.cell(row));
  }));
}

function turn(pages) {
  table.from = Math.max(0, table.from + pages * PAGE);
  draw();
  at("table").scrollIntoView({ block: "start" });
}

function prepare() {
  at("heads").append(...COLUMNS.map((column) => {
    const sort = make("button", { type: "button" }, column.name);
    sort.addEventListener("click", () => {
      const again = table.sort.column === column.name;
      table.sort = { column: column.name, down: again ? !table.sort.down : false };
      table.found = sorted(table.found);
      table.from = 0;
      draw();
    });
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
}

// Reads the texts ahead for the search, a little at a time, so that nothing else has to wait.
function readAhead(place = 0) {
  const until = performance.now() + 10;
  while (place < rows.length && performance.now() < until) folded(place++);
  if (place < rows.length) setTimeout(readAhead, 0, place);
  else document.documentElement.dataset.read = "all";
}
