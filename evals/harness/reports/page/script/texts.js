// Texts: those of a row, read when they are needed; how they are shown; and the index that the search looks in.
const data = JSON.parse(at("rows").textContent);
const rows = data.rows.map((values, place) => Object.fromEntries([...data.fields.map((field, i) => [field, values[i]]), ["place", place]]));

// The texts of the row at that place, null where the page has none; ``side`` names which run's.
function held(place, side = "t") {
  const block = at(`${side}${place}`);
  return block === null ? null : JSON.parse(block.textContent);
}

const fold = (text) => text.normalize("NFKC").toLowerCase();

// All strings of a row's texts; keys of calls are none that anyone searches for.
function strings(value, found = []) {
  if (typeof value === "string") found.push(value);
  else if (Array.isArray(value)) for (const each of value) strings(each, found);
  else if (value !== null && typeof value === "object") {
    for (const [name, each] of Object.entries(value)) if (name !== "calls" && !name.endsWith("marks")) strings(each, found);
  }
  return found;
}

// What of a row is searched in, kept once it was made.
const kept = [];
function folded(place) {
  const row = rows[place];
  return (kept[place] ??= fold([row.id, ...strings([row.category, row.error, row.before?.error, row.after?.error]), ...data.sides.flatMap((side) => strings(held(place, side)))].join("\n")));
}

// Signs that act on the order of others, or that nobody sees; where letters need joiners they stay.
const UNSEEN = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]|(?<=[\u0000-\u02ff])[\u200c\u200d]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function shown(text) {
  const pieces = [];
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    pieces.push(text.slice(from, found.index));
    pieces.push(make("span", { class: "escape" }, `\\u${found[0].charCodeAt(0).toString(16).padStart(4, "0")}`));
    from = found.index + found[0].length;
  }
  return [...pieces, text.slice(from)];
}

// A text as a block with its marks; `kinds` names them anew, as units of a query are.
function marked(text, marks, kinds) {
  if (text === null || text === undefined) return make("p", { class: "text empty" }, "nothing");
  if (text === "") return make("p", { class: "text empty" }, "empty");
  const block = make("div", { class: "text", dir: "auto" });
  let from = 0;
  for (const [start, end, kind] of marks ?? []) {
    block.append(...shown(text.slice(from, start)), make("mark", { class: kinds?.[kind] ?? kind }, ...shown(text.slice(start, end))));
    from = end;
  }
  block.append(...shown(text.slice(from)));
  return block;
}
