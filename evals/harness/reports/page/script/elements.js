// Elements: the document's nodes by name, and new ones; data enters as text alone, never as markup.
const at = (name) => document.getElementById(name);

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SIGNS = { pass: "✓", fail: "✗", inconclusive: "?", deferred: "…" };
function badge(kind, word) {
  if (kind === null) return make("span", { class: "soft" }, word);
  return make("span", { class: `badge ${kind}` }, make("span", { "aria-hidden": "true" }, SIGNS[kind]), ` ${word}`);
}
const figure = (value, places = 3) => (value === null || value === undefined ? "–" : value.toFixed(places));
const words = (name) => name.replaceAll("_", " ");
const facts = (pairs) => make("dl", { class: "facts" }, ...pairs.filter((pair) => pair[1] !== null).map(
  ([name, value]) => make("div", null, make("dt", null, name), make("dd", null, value))));
