// One: the columns, the filters and the opened example of one run's page.
const STATUS = { scored: null, program_error: "fail", infrastructure_error: "inconclusive" };
const overruled = (row) => (row.judge_leaked ?? 0) < (row.verbatim_leaked ?? 0);
const leaked = (row) => (row.leaked === null ? "–" : `${row.leaked} of ${row.units}`);
const category = (row) => (row.category ? make("bdi", null, ...shown(row.category)) : "–");

// What heads a column, a row's value to sort by, and what stands in the cell.
const COLUMNS = [
  { name: "example", value: (row) => row.place },
  { name: "status", value: (row) => row.status, cell: (row) => badge(STATUS[row.status], words(row.status)) },
  { name: "quality", number: true, value: (row) => row.quality, cell: (row) => figure(row.quality, 2) },
  { name: "verdict", value: (row) => row.verdict, cell: (row) => row.verdict ?? "–" },
  { name: "leaked", number: true, value: (row) => row.leaked, cell: leaked },
  { name: "leakage", number: true, least: true, value: (row) => row.leakage, cell: (row) => figure(row.leakage, 2) },
  { name: "overall", number: true, value: (row) => row.overall, cell: (row) => figure(row.overall, 2) },
  { name: "carried", number: true, value: (row) => row.carried, cell: (row) => figure(row.carried, 2) },
  { name: "category", least: true, value: (row) => row.category || null, cell: category },
  { name: "flipped", least: true, value: (row) => row.flip || null, cell: (row) => row.flip || "–" },
];

// What is chosen from, and to which choices a row belongs.
const FILTERS = [
  { name: "split", of: (row) => [row.split] },
  { name: "status", of: (row) => [words(row.status)] },
  { name: "verdict", of: (row) => [row.verdict ?? "none"] },
  { name: "leaks", of: (row) => (row.leaked === null ? ["not known"] : [row.leaked ? "leaked" : "nothing leaked", ...(row.verbatim_leaked ? ["leaked verbatim"] : []), ...(overruled(row) ? ["judge overruled"] : [])]) },
  { name: "category", of: (row) => [row.category || "none"] },
  { name: "flipped", of: (row) => [row.flip || "not flipped"] },
];

// Worst first: what has no score, then the lowest overall, of these what leaked most.
const FIRST = "overall";
// The same by rows without an overall, which no target was held against.
const WORST = (row) => row.overall ?? (row.leakage === null ? null : row.status === "program_error" ? 0 : 1 - row.leakage);
const tie = (one, other) => (other.leakage ?? 0) - (one.leakage ?? 0);

const figures = (row) => facts([
  ["", badge(STATUS[row.status], words(row.status))],
  ["quality", row.quality === null ? null : figure(row.quality, 2)],
  ["verdict", row.verdict],
  ["leaked", leaked(row)],
  ["overall", row.overall === null ? null : figure(row.overall, 2)],
  ["carried", row.carried === null ? null : figure(row.carried, 2)],
  ["split", row.split],
  ["category", row.category ? category(row) : null],
  ["flipped", row.flip || null],
  ["seconds", figure(row.seconds, 1)],
]);

function opened(row) {
  const texts = held(row.place);
  const [ours, theirs] = texts === null || texts.target === "" ? [] : differing(texts.answer, texts.target);
  return [
    make("h2", { id: "example-name", tabindex: "-1" }, ...shown(row.id), data.several ? ` trial ${row.trial}` : null),
    figures(row),
    row.error === null ? null : make("p", { class: "alert" }, ...shown(row.error)),
    ...(texts === null ? [make("p", { class: "note" }, "The texts of this row are not in this page.")] : [
      part("Query", marked(texts.query, texts.query_marks, UNIT), units(texts)),
      ...requests(texts),
      texts.target === "" ? part("Answer", marked(texts.answer))
        : part("Answer and target", beside(labelled("answer", marked(texts.answer, ours)), labelled("target", marked(texts.target, theirs))),
          legend("Marked: words that stand in one of the two alone.")),
      unparsed(row, texts),
      texts.target === "" ? null : part("Quality", ...quality(row, texts)),
      part("Leakage", ...leakage(row, texts)),
      part("Calls", calls(texts)),
      folding("The data’s own redaction of the query", marked(texts.redacted_query)),
    ]),
  ];
}
