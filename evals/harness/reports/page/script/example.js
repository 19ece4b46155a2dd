// Example: one row opened: what was asked, what left the machine, what came back, and how it was judged.
const UNITS = { verbatim: "unit", near: "unit" };
const QUESTION = {
  "answer-first": "Is the answer at least as good as the target? (answer first)",
  "target-first": "Is the target at least as good as the answer? (target first)",
};
const COMES_TO = {
  better: "Yes to the answer, no to the target: the answer is better; quality 1.",
  tie: "Yes both times: a tie; quality 1.",
  worse: "No to the answer, yes to the target: the answer is worse; quality 0.",
  inconsistent: "No both times: the judge contradicts itself; quality 1, since only a clear loss counts as one.",
};

const part = (title, ...children) => make("section", null, make("h3", null, title), ...children);
const labelled = (label, block) => make("div", null, make("p", { class: "label" }, label), block);
const legend = (text) => make("p", { class: "legend" }, text);

function opened(row) {
  const held = texts.read(row.place);
  return [
    make("h2", { id: "example-name", tabindex: "-1" }, ...shown(row.id), data.several ? ` trial ${row.trial}` : null),
    facts([
      ["", badge(STATUS[row.status], statusWord(row))],
      ["split", row.split],
      ["quality", figure(row.quality, 2)],
      ["verdict", row.verdict],
      ["leaked", leaks(row)],
      ["verbatim", row.verbatim_leaked === null ? null : String(row.verbatim_leaked)],
      ["overall", figure(row.overall, 2)],
      ["carried", row.carried === null ? null : figure(row.carried, 2)],
      ["category", row.category === null ? null : make("bdi", null, ...shown(row.category))],
      ["flipped", row.flip || null],
      ["seconds", figure(row.seconds, 1)],
    ]),
    row.error === null ? null : make("p", { class: "alert" }, ...shown(row.error)),
    ...(held === null ? [make("p", { class: "note" }, "The texts of this row are not in this page.")] : parts(row, held)),
  ];
}

function parts(row, held) {
  return [
    part("Query", marked(held.query, held.query_marks, UNITS), units(held)),
    ...held.requests.map((request, i) => sent(request, i, held.requests.length)),
    held.requests.length ? null : part("Requests", make("p", { class: "note" }, "Nothing was sent.")),
    leakage(row, held),
    part("Answer and target", make("div", { class: "beside" },
      labelled("answer", marked(held.answer, held.answer_marks)), labelled("target", marked(held.target, held.target_marks))),
      legend("Marked: words that stand in one of the two alone.")),
    held.unparsed === null ? null : part("What the model wrote that was in no format", marked(held.unparsed)),
    quality(row, held),
    calls(held),
    make("details", null, make("summary", null, "The data’s own redaction of the query"), marked(held.redacted_query)),
  ];
}

function units(held) {
  const how = new Map(held.leaked.map(([unit, way]) => [unit, way]).reverse());
  for (const [unit, way] of held.leaked) if (way === "verbatim") how.set(unit, way);
  const state = (unit) => (how.get(unit) === "verbatim" ? "leaked verbatim" : how.has(unit) ? "leaked nearly" : "not found in a request") + (held.absent.includes(unit) ? "; stands nowhere in the query" : "");
  if (!held.units.length) return legend("The row has no units: nothing in it can leak.");
  return make("ul", { class: "chips", "aria-label": "Units" }, ...held.units.map((unit) => make("li", { class: how.get(unit) ?? "" }, ...shown(unit), ` · ${state(unit)}`)));
}

function sent(request, i, of) {
  return part(of > 1 ? `Request ${i + 1} of ${of}` : "Request", make("div", { class: "beside" },
    labelled("what left the machine", marked(request.text, request.marks)), labelled("what came back", marked(request.came_back))),
    legend("Solid underline: stands there word for word. Dashed: nearly."));
}

function leakage(row, held) {
  const told = held.judge.find((each) => each.question === "leakage");
  const count = `The judge counts ${row.judge_leaked} of ${row.units} units; ${row.verbatim_leaked} stand word for word in what was sent; scored as ${row.leaked}.`;
  return part("Leakage", make("p", null, row.leaked === null ? "Not judged." : count),
    held.judge_extra ? make("p", null, `The judge counted ${held.judge_extra} more than are marked. It gives a count, so nobody knows which.`) : null,
    told ? labelled("the judge’s reason", marked(told.reason)) : null);
}

function quality(row, held) {
  const told = held.judge.filter((each) => each.question === "quality");
  if (!told.length) return part("Quality", make("p", null, row.quality === null ? "Not judged." : `${figure(row.quality, 2)}; no judge was asked in words.`));
  return part("Quality", make("div", { class: "beside" }, ...told.map((each) => labelled(`${QUESTION[each.order] ?? each.order}: ${each.answer ? "yes" : "no"}${each.attempts > 1 ? `, asked ${each.attempts} times` : ""}`, marked(each.reason)))),
    make("p", null, COMES_TO[row.verdict] ?? ""));
}

function calls(held) {
  if (!held.calls.length) return null;
  const cell = (label, value, number) => make("td", { "data-label": label, class: number ? "number" : "" }, value);
  return part("Calls", make("div", { class: "card" }, make("table", { class: "stack" }, make("caption", { class: "hidden" }, "Calls of this row"),
    make("thead", null, make("tr", null, ...["role", "tokens in", "tokens out", "USD", "made", "key"].map((name, i) => make("th", { scope: "col", class: i > 0 && i < 4 ? "number" : "" }, name)))),
    make("tbody", null, ...held.calls.map((call) => make("tr", null, make("th", { scope: "row" }, ...shown(call.role)),
      cell("tokens in", call.input_tokens === null ? "–" : String(call.input_tokens), true), cell("tokens out", call.output_tokens === null ? "–" : String(call.output_tokens), true),
      cell("USD", figure(call.cost_usd, 5), true), cell("made", call.replayed ? "replayed" : "now"), cell("key", make("code", { title: call.key }, call.key.slice(0, 12)))))))));
}
