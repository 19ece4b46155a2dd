// Two: the columns, the filters and the opened example of the page of two runs; each figure before and after.
const STATUS = { scored: null, program_error: "fail", infrastructure_error: "inconclusive" };
const CHANGE = { worse: "fail", better: "pass", "not known": "inconclusive" };
const overruled = (row) => (row.judge_leaked ?? 0) < (row.verbatim_leaked ?? 0);
const both = (name, places = 2) => (row) => {
  const [one, other] = [row.before[name], row.after[name]];
  if (one === null && other === null) return "–";
  return one === other ? figure(one, places) : make("strong", null, `${figure(one, places)} → ${figure(other, places)}`);
};
const change = (name) => (row) => (row.before[name] === null || row.after[name] === null ? null : row.after[name] - row.before[name]);
const status = (row) => (row.before.status === row.after.status ? [words(row.after.status ?? "–")] : [`${words(row.before.status ?? "no row")} → ${words(row.after.status ?? "no row")}`]);
const category = (row) => (row.category ? make("bdi", null, ...shown(row.category)) : "–");

const COLUMNS = [
  { name: "example", value: (row) => row.place },
  { name: "change", value: (row) => row.order, cell: (row) => badge(CHANGE[row.change] ?? null, row.change) },
  { name: "quality", number: true, value: change("quality"), cell: both("quality") },
  { name: "leakage", number: true, value: change("leakage"), cell: both("leakage") },
  { name: "overall", number: true, value: change("overall"), cell: both("overall") },
  { name: "carried", number: true, least: true, value: change("carried"), cell: both("carried") },
  { name: "status", least: true, value: (row) => status(row)[0], cell: (row) => status(row)[0] },
  { name: "category", least: true, value: (row) => row.category || null, cell: category },
];

const FILTERS = [
  { name: "change", of: (row) => [row.change] },
  { name: "split", of: (row) => [row.split] },
  { name: "status", of: status },
  { name: "verdict", of: (row) => [row.before.verdict === row.after.verdict ? (row.after.verdict ?? "none") : `${row.before.verdict ?? "none"} → ${row.after.verdict ?? "none"}`] },
  { name: "category", of: (row) => [row.category || "none"] },
];

// Flips first, the largest worsening before all others.
const FIRST = "change";
const WORST = (row) => row.order;
const tie = () => 0;

const figures = (side) => (side.status === null ? said("This run has no such row.") : facts([
  ["", badge(STATUS[side.status], words(side.status))],
  ["quality", side.quality === null ? null : figure(side.quality, 2)],
  ["verdict", side.verdict],
  ["leaked", side.leaked === null ? "–" : `${side.leaked} of ${side.units}`],
  ["overall", side.overall === null ? null : figure(side.overall, 2)],
  ["carried", side.carried === null ? null : figure(side.carried, 2)],
]));

function opened(row) {
  // What both runs have of the data stands in the file once.
  const before = held(row.place, "a");
  const later = held(row.place, "b");
  const after = later && { ...before, ...later };
  const texts = after ?? before;
  const [old, now] = before === null || after === null ? [] : differing(before.answer, after.answer);
  const pair = [["before", row.before, before], ["after", row.after, after]];
  const each = (made) => beside(...pair.map(([name, side, of]) => labelled(name, ...(of === null ? [legend("no texts")] : [made(side, of)].flat().filter((node) => node !== null)))));
  return [
    make("h2", { id: "example-name", tabindex: "-1" }, ...shown(row.id), data.several ? ` trial ${row.trial}` : null, " ", badge(CHANGE[row.change] ?? null, row.change)),
    beside(...pair.map(([name, side]) => labelled(name, figures(side), side.error ? make("p", { class: "alert" }, ...shown(side.error)) : ""))),
    ...(texts === null ? [make("p", { class: "note" }, "The texts of this row are not in this page.")] : [
      part("Query", marked(texts.query, texts.query_marks, UNIT)),
      part("What left the machine", each((side, of) => (of.requests.length ? of.requests.map((request) => marked(request.text, request.marks)) : said("Nothing was sent."))),
        legend("Marked: a unit that stands there word for word (solid line) or nearly (dashed).")),
      folding("What came back", each((side, of) => of.requests.map((request) => marked(request.came_back)))),
      part("Answers", each((side, of) => marked(of.answer, of === before ? old : now))), legend("Marked: words that stand in one of the two answers alone."),
      ...(texts.target === "" ? [] : [folding("Target", marked(texts.target)), part("Quality", each(quality))]),
      part("Leakage", each(leakage)),
      folding("Calls", each((side, of) => calls(of))),
    ]),
  ];
}
