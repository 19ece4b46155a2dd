// Parts: what an opened example is made of, from a row's figures and its texts; for one run and for two.
const UNIT = { verbatim: "unit", near: "unit" };
const ASKED = { "answer-first": "Is the answer, first, at least as good as the target?", "target-first": "Is the target, first, at least as good as the answer?" };
const TOGETHER = { better: "yes to the answer alone: better", tie: "yes both times: a tie", worse: "yes to the target alone: worse", inconsistent: "no both times, which contradicts itself: no clear loss" };

const part = (title, ...children) => make("section", null, make("h3", null, title), ...children);
const labelled = (label, ...blocks) => make("div", null, make("p", { class: "label" }, label), ...blocks);
const legend = (text) => make("p", { class: "legend" }, text);
const beside = (...blocks) => make("div", { class: "beside" }, ...blocks);
const folding = (title, ...blocks) => make("details", null, make("summary", null, title), ...blocks);
const said = (...parts) => make("p", null, ...parts);

function units(texts) {
  if (!texts.units.length) return legend("The data name no unit: nothing in it can leak.");
  const how = new Map();
  for (const [unit, way] of texts.leaked) if (way === "verbatim" || !how.has(unit)) how.set(unit, way);
  const state = (unit) => ({ verbatim: "leaked word for word", near: "leaked nearly" })[how.get(unit)] ?? "not found in what was sent";
  return make("ul", { class: "chips", "aria-label": "Units" }, ...texts.units.map((unit) =>
    make("li", { class: how.get(unit) ?? "" }, ...shown(unit), ` · ${state(unit)}${texts.absent.includes(unit) ? ", nowhere in the query, not even nearly" : ""}`)));
}

function requests(texts) {
  if (!texts.requests.length) return [part("Request", said(`Nothing was sent to ${data.models.untrusted}.`))];
  return texts.requests.map((request, i) => part(texts.requests.length > 1 ? `Request ${i + 1} of ${texts.requests.length}` : "Request",
    beside(labelled(`what left for ${data.models.untrusted}`, marked(request.text, request.marks)), labelled("what came back", marked(request.came_back))),
    request.marks.length ? legend("Marked: a unit that stands there word for word (solid line) or nearly (dashed).") : null));
}

const unparsed = (row, texts) => (texts.unparsed === null ? null
  : part(row.status === "infrastructure_error" ? "What the judge wrote last, which could not be used" : "What the model wrote, in no format that was asked for", marked(texts.unparsed)));

const lexical = () => data.models.judge === "lexical";
const tries = (each) => (each.attempts > 1 ? ` (asked ${each.attempts} times)` : "");

// Why a rule scored an answer as it did.
function close(row, found) {
  const lacks = found.lacks.map(([word, times]) => (times > 1 ? `${word} (${times} times)` : word)).join(", ");
  return [
    said(`${figure(row.quality, 2)}, by a rule, no model: closeness to the target of ${found.enough} and more is quality 1.`),
    said(`Closeness ${figure(found.value, 3)} = content ${figure(found.content, 3)} × (1 + length ${figure(found.length, 3)}) / 2. Content is the share of letters in words that both have, length the shorter text’s over the longer’s.`),
    lacks && said("Of the target’s words the answer lacks most by letters: ", ...shown(lacks), found.more ? `, and ${found.more} more.` : "."),
  ].filter((each) => each);
}

function quality(row, texts) {
  const told = texts.judge.filter((each) => each.question === "quality");
  if (lexical() && row.status === "scored" && row.quality !== null && texts.closeness) return close(row, texts.closeness);
  if (!told.length) return [said(row.quality === null ? "Not judged." : `${figure(row.quality, 2)}; the judge was not asked.`)];
  return [
    beside(...told.map((each) => labelled(`${ASKED[each.order]} ${each.answer ? "Yes" : "No"}${tries(each)}`, marked(each.reason)))),
    Object.hasOwn(TOGETHER, row.verdict ?? "") ? said(`Together ${TOGETHER[row.verdict]}; quality ${figure(row.quality, 0)}.`) : null,
  ].filter((each) => each !== null);
}

function leakage(row, texts) {
  if (row.leaked === null) return [said("Not judged.")];
  const exact = new Set(texts.leaked.filter(([, way]) => way === "verbatim").map(([unit]) => unit));
  const near = new Set(texts.leaked.map(([unit]) => unit).filter((unit) => !exact.has(unit)));
  return [
    said(`${row.leaked} of ${row.units} units count as leaked. Search finds ${exact.size} word for word and ${near.size} nearly; ${lexical() ? "by a rule, no model, both count" : `the judge counts ${row.judge_leaked}`}.`),
    ...(lexical() ? [...near].map((unit) => said(...shown(unit), " counts although it stands there only nearly.")) : []),
    overruled(row) ? said(`The judge was overruled: it counted ${row.judge_leaked}, search ${row.verbatim_leaked} word for word.`) : null,
    texts.judge_extra ? said(`The judge counted ${texts.judge_extra} more than search finds; which, its reason may say.`) : null,
    ...texts.judge.filter((each) => each.question === "leakage").map((each) => labelled(`the judge’s reason${tries(each)}`, marked(each.reason))),
  ].filter((each) => each !== null);
}

function calls(texts) {
  if (!texts.calls.length) return said("It rests on no recorded call.");
  const count = (tokens) => (tokens === null ? "–" : String(tokens));
  const cell = (label, value, number) => make("td", { "data-label": label, class: number ? "number" : "" }, value);
  const heads = ["role", "tokens in", "tokens out", "USD", "made", "key"];
  return make("div", { class: "card" }, make("table", { class: "stack" }, make("caption", { class: "hidden" }, "Calls that the row rests on"),
    make("thead", null, make("tr", null, ...heads.map((name, i) => make("th", { scope: "col", class: i > 0 && i < 4 ? "number" : "" }, name)))),
    make("tbody", null, ...texts.calls.map((call) => make("tr", null, make("th", { scope: "row" }, ...shown(call.role)),
      cell("tokens in", count(call.input_tokens), true), cell("tokens out", count(call.output_tokens), true), cell("USD", figure(call.cost_usd, 6), true),
      cell("made", call.replayed ? "replayed" : "now"), cell("key", make("code", { title: call.key }, call.key.slice(0, 12))))))));
}
